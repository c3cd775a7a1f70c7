// SQLite behind RAII: a connection, a statement, a transaction; failures become sememe::Error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace sememe {

enum class OpenMode {
  ReadOnly,   // the file must exist and is never changed
  ReadWrite,  // the file must exist and be writable
  Create,     // made when absent
};

// One connection to one SQLite file, in WAL mode with foreign keys on. Used by one thread at a time; any
// number of connections may be open on a file, in any number of programs: readers go on while one of them
// writes, each seeing the last commit before its statement (or its Transaction) began.
//
// Everything here throws Error naming the file: Busy (another connection went on writing for longer than the
// timeout), DiskFull, Corrupt, NotFound, Io; and Cancelled after interrupt().
class Database {
 public:
  // A file on a read-only medium opens with ReadOnly as long as no other program left changes beside it
  // (-wal).
  Database(const std::filesystem::path& path, OpenMode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void execute(const std::string& sql);            // one or more statements without parameters or results
  int64_t queryInt(const std::string& sql) const;  // first column of the first row; 0 when there is none
  int64_t lastInsertId() const;
  int64_t changes() const;  // rows that the last INSERT, UPDATE or DELETE touched
  bool inTransaction() const;
  bool readOnly() const { return m_readOnly; }
  const std::filesystem::path& path() const { return m_path; }
  void setBusyTimeout(int milliseconds);  // 10,000 at the start

  // Makes the statement that runs now throw Cancelled. The one function that any thread may call.
  void interrupt();

 private:
  friend class Statement;
  [[noreturn]] void fail(int code, const std::string& action) const;
  void open(const std::string& name, int flags);
  void close();
  bool readable() const;

  std::filesystem::path m_path;
  sqlite3* m_handle = nullptr;
  bool m_readOnly = false;
};

// A prepared statement. It must not outlive its Database; same thread.
class Statement {
 public:
  // Parameters ?1, ?2 … are bound in this order by `args`, as by bind().
  template <class... Args>
  Statement(const Database& database, std::string_view sql, const Args&... args) : m_database(database) {
    prepare(sql);
    bindAll(args...);
  }
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // `index` counts from 1. Blobs must live until the statement has run; texts are copied. A NaN becomes NULL.
  void bind(int index, int64_t value);
  void bind(int index, double value);
  void bind(int index, std::string_view value);
  void bind(int index, std::span<const std::byte> value);
  void bind(int index, std::nullptr_t);

  // Rewinds and binds all parameters anew.
  template <class... Args>
  Statement& with(const Args&... args) {
    reset();
    bindAll(args...);
    return *this;
  }

  bool step();  // true: a row is there; false: done
  void run();   // steps to the end and rewinds
  void reset();

  // `column` counts from 0. Blobs are valid until the next step() or reset().
  bool isNull(int column) const;
  int64_t integer(int column) const;
  double real(int column) const;  // NaN for NULL
  std::string text(int column) const;
  std::span<const std::byte> blob(int column) const;

 private:
  void prepare(std::string_view sql);

  template <class T>
  void bindOne(int index, const T& value) {
    if constexpr (std::is_same_v<T, std::nullptr_t>) {
      bind(index, nullptr);
    } else if constexpr (std::is_floating_point_v<T>) {
      bind(index, double(value));
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      bind(index, int64_t(value));
    } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      bind(index, std::string_view(value));
    } else {
      bind(index, std::as_bytes(std::span(value)));
    }
  }
  template <class... Args>
  void bindAll(const Args&... args) {
    int index = 0;
    (bindOne(++index, args), ...);
  }

  const Database& m_database;
  sqlite3_stmt* m_handle = nullptr;
};

// Everything between construction and commit() happens together or not at all; destroyed without commit() it
// rolls back. Inside another one it is a savepoint: it is kept when the outer one commits. Same thread as its
// Database.
class Transaction {
 public:
  enum class Kind {
    Write,  // takes the write lock at once, so that it can not fail half-way for lack of it
    Read,   // one unchanging view of the file
  };
  explicit Transaction(Database& database, Kind kind = Kind::Write);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& m_database;
  bool m_nested = false;
  bool m_open = false;
};

}  // namespace sememe
