// SQLite behind RAII: a connection, a statement, a transaction; failures become sememe::Error.
#include "core/store/database.h"

#include <sqlite3.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace sememe {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyTimeoutMs = 10'000;

// The path as a file: URI that promises SQLite that nobody changes the file.
std::string immutableUri(const fs::path& path) {
  std::string uri = "file:";
  for (const char c : path.string()) {
    if (c == '?' || c == '#' || c == '%') {
      constexpr char digits[] = "0123456789ABCDEF";
      uri += '%';
      uri += digits[(c >> 4) & 15];
      uri += digits[c & 15];
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

bool hasPendingChanges(const fs::path& path) {
  std::error_code ignored;
  const auto size = fs::file_size(path.string() + "-wal", ignored);
  return !ignored && size > 0;
}

}  // namespace

Database::Database(const fs::path& path, OpenMode mode) : m_path(fs::absolute(path)) {
  std::error_code ignored;
  if (mode == OpenMode::Create) {
    fs::create_directories(m_path.parent_path(), ignored);  // a failure shows when the file is opened
  } else if (!fs::exists(m_path, ignored)) {
    throw Error(ErrorCode::NotFound, "no such file", m_path.string());
  }
  if (fs::is_directory(m_path, ignored)) {
    throw Error(ErrorCode::Unsupported, "a folder where a file was expected", m_path.string());
  }
  // A constructor that throws runs no destructor: the handle must not leak.
  try {
    const int flags = mode == OpenMode::ReadOnly    ? SQLITE_OPEN_READONLY
                      : mode == OpenMode::ReadWrite ? SQLITE_OPEN_READWRITE
                                                    : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    open(m_path.string(), flags);
    if (mode == OpenMode::ReadOnly && !readable()) {
      // WAL needs files beside the database even to read. Where they can not be made nobody writes either.
      if (hasPendingChanges(m_path)) {
        throw Error(ErrorCode::Io,
                    "unfinished changes lie beside the file (-wal), and its folder can not be written",
                    m_path.string());
      }
      close();
      open(immutableUri(m_path), flags | SQLITE_OPEN_URI);
    }
    m_readOnly = sqlite3_db_readonly(m_handle, "main") == 1;
    if (m_readOnly && mode != OpenMode::ReadOnly) {
      throw Error(ErrorCode::Io, "the file can not be written (no permission)", m_path.string());
    }
  } catch (...) {
    close();
    throw;
  }
}

Database::~Database() { close(); }

void Database::open(const std::string& name, int flags) {
  const int code =
      sqlite3_open_v2(name.c_str(), &m_handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code != SQLITE_OK) fail(code, "open the file");
  sqlite3_busy_timeout(m_handle, kBusyTimeoutMs);
  // A workspace may come from anywhere: its schema runs no functions and changes nothing behind our back.
  sqlite3_db_config(m_handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(m_handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(m_handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(m_handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
}

void Database::close() {
  sqlite3_close_v2(m_handle);
  m_handle = nullptr;
}

bool Database::readable() const {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(m_handle, "SELECT count(*) FROM sqlite_schema", -1, &statement, nullptr);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  sqlite3_finalize(statement);
  const int primary = code & 0xff;
  return primary != SQLITE_CANTOPEN && primary != SQLITE_READONLY;
}

void Database::fail(int code, const std::string& action) const {
  const std::string detail = m_handle ? sqlite3_errmsg(m_handle) : sqlite3_errstr(code);
  const std::string where = m_path.string();
  switch (code & 0xff) {
    case SQLITE_INTERRUPT:
      throw Cancelled();
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorCode::Busy, "another program or window is writing this file; could not " + action,
                  where);
    case SQLITE_FULL:
      throw Error(ErrorCode::DiskFull, "no room left on the disk; could not " + action, where);
    case SQLITE_NOTADB:
      throw Error(ErrorCode::Corrupt, "not a workspace: the file is no SQLite database", where);
    case SQLITE_CORRUPT:
      throw Error(ErrorCode::Corrupt, "the file is damaged or cut short; could not " + action + ": " + detail,
                  where);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
      throw Error(ErrorCode::Io, "could not " + action + ": " + detail, where);
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_MISUSE:
      throw Error(ErrorCode::Invalid, "could not " + action + ": " + detail, where);
    default:  // a table or column that is not there: not the schema that its version promises
      throw Error(ErrorCode::Corrupt, "could not " + action + ": " + detail, where);
  }
}

void Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(m_handle, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code, "run a statement");
}

int64_t Database::queryInt(const std::string& sql) const {
  Statement statement(*this, sql);
  return statement.step() ? statement.integer(0) : 0;
}

int64_t Database::lastInsertId() const { return sqlite3_last_insert_rowid(m_handle); }

int64_t Database::changes() const { return sqlite3_changes64(m_handle); }

bool Database::inTransaction() const { return sqlite3_get_autocommit(m_handle) == 0; }

void Database::setBusyTimeout(int milliseconds) { sqlite3_busy_timeout(m_handle, milliseconds); }

void Database::interrupt() { sqlite3_interrupt(m_handle); }

void Statement::prepare(std::string_view sql) {
  const int code = sqlite3_prepare_v2(m_database.m_handle, sql.data(), int(sql.size()), &m_handle, nullptr);
  if (code != SQLITE_OK) m_database.fail(code, "read the schema");
}

Statement::~Statement() { sqlite3_finalize(m_handle); }

void Statement::bind(int index, int64_t value) {
  const int code = sqlite3_bind_int64(m_handle, index, value);
  if (code != SQLITE_OK) m_database.fail(code, "bind a number");
}

void Statement::bind(int index, double value) {
  const int code =
      std::isnan(value) ? sqlite3_bind_null(m_handle, index) : sqlite3_bind_double(m_handle, index, value);
  if (code != SQLITE_OK) m_database.fail(code, "bind a number");
}

void Statement::bind(int index, std::string_view value) {
  const char* data = value.data() ? value.data() : "";  // SQLite takes a null pointer for NULL
  const int code = sqlite3_bind_text64(m_handle, index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) m_database.fail(code, "bind a text");
}

void Statement::bind(int index, std::span<const std::byte> value) {
  const int code = value.empty()
                       ? sqlite3_bind_zeroblob(m_handle, index, 0)
                       : sqlite3_bind_blob64(m_handle, index, value.data(), value.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) m_database.fail(code, "bind bytes");
}

void Statement::bind(int index, std::nullptr_t) {
  const int code = sqlite3_bind_null(m_handle, index);
  if (code != SQLITE_OK) m_database.fail(code, "bind a value");
}

bool Statement::step() {
  const int code = sqlite3_step(m_handle);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3_reset(m_handle);  // gives up its locks; the message stays
  m_database.fail(code, sqlite3_stmt_readonly(m_handle) ? "read the file" : "write the file");
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() { sqlite3_reset(m_handle); }  // its result repeats the error that step() has thrown

bool Statement::isNull(int column) const { return sqlite3_column_type(m_handle, column) == SQLITE_NULL; }

int64_t Statement::integer(int column) const { return sqlite3_column_int64(m_handle, column); }

double Statement::real(int column) const {
  return isNull(column) ? std::numeric_limits<double>::quiet_NaN() : sqlite3_column_double(m_handle, column);
}

std::string Statement::text(int column) const {
  const unsigned char* data = sqlite3_column_text(m_handle, column);
  return data ? std::string(reinterpret_cast<const char*>(data),
                            size_t(sqlite3_column_bytes(m_handle, column)))
              : std::string();
}

std::span<const std::byte> Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(m_handle, column);
  const int size = sqlite3_column_bytes(m_handle, column);
  return {static_cast<const std::byte*>(data), data ? size_t(size) : 0};
}

Transaction::Transaction(Database& database, Kind kind) : m_database(database) {
  m_nested = database.inTransaction();
  m_database.execute(m_nested ? "SAVEPOINT nested" : kind == Kind::Write ? "BEGIN IMMEDIATE" : "BEGIN");
  m_open = true;
}

Transaction::~Transaction() {
  // After some failures (a full disk) SQLite has rolled everything back already.
  if (!m_open || !m_database.inTransaction()) return;
  try {
    m_database.execute(m_nested ? "ROLLBACK TO nested; RELEASE nested" : "ROLLBACK");
  } catch (...) {
    // Nothing was committed, which is all that a destructor can promise.
  }
}

void Transaction::commit() {
  if (!m_open || !m_database.inTransaction()) {
    throw Error(ErrorCode::Io, "the changes were rolled back after an earlier failure",
                m_database.path().string());
  }
  m_database.execute(m_nested ? "RELEASE nested"
                              : "COMMIT");  // a COMMIT that fails leaves it open: rolled back below
  m_open = false;
}

}  // namespace sememe
