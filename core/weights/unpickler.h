// A pickle machine that builds plain values and runs nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/weights/pickle_value.h"

namespace sememe {

// Reads one pickle of protocol 0 to 5. Classes and functions become opaque values, except for the few that stand for
// plain data (core/weights/pickle_objects.h). Built to be fed by strangers: every read is bounds-checked, the number of
// values, the nesting and the size of the unfolded result are bounded, and cycles are refused. One thread.
class Unpickler {
 public:
  // Gives the value of a persistent id; in torch's files a storage, as a 1-D tensor.
  using PersistentLoad = std::function<PickleValue(const PickleValue& id)>;

  // `where` names the file in errors.
  Unpickler(std::span<const std::byte> data, std::string where, PersistentLoad load);
  ~Unpickler();
  Unpickler(const Unpickler&) = delete;
  Unpickler& operator=(const Unpickler&) = delete;

  PickleValue read();  // once. Throws Error (Corrupt, Unsupported)
  size_t consumed() const { return m_at; }  // bytes, up to and with the pickle's STOP

 private:
  struct Visit {
    int height = -1;    // −1 while its content is being visited
    int64_t size = 0;   // values in it, shared ones counted as often as they appear
    bool replaced = false;
    PickleValue replacement;
  };

  [[noreturn]] void corrupt(const std::string& what) const;
  void charge(int64_t values);

  // Reading
  std::string_view take(uint64_t size);
  std::string_view line();
  uint64_t number(int size);

  // The stack
  void push(PickleValue value);
  PickleValue pop();
  PickleValue::Items popToMark();
  PickleValue& top();
  PickleValue node(PickleValue made);  // registers a container

  // The opcodes
  bool step();  // false at STOP
  bool stepValue(uint8_t opcode);
  bool stepText(uint8_t opcode);
  void pushInteger(std::string_view littleEndian);
  void pushDigits(std::string_view digits);
  void pushGlobal(std::string_view module, std::string_view name);
  void pushMemo(uint64_t index);
  void memoize(uint64_t index);
  void append(PickleValue::Items items);
  void setItems(PickleValue::Items keysAndValues);
  void build(PickleValue state);
  PickleValue call(const PickleValue& function, PickleValue arguments);
  PickleValue makeDict(const PickleValue::Items& arguments, bool ordered);

  // The end: what was built, checked and tidied.
  Visit& settle(PickleValue& value, int depth, Visit& leaf);
  static void dropRepeatedKeys(PickleValue::Pairs& pairs);
  static const void* identity(const PickleValue& value);
  static void emptyOut(PickleValue& value);

  std::span<const std::byte> m_data;
  std::string m_where;
  PersistentLoad m_load;
  size_t m_at = 0;
  int64_t m_values = 0;
  std::vector<PickleValue> m_stack;
  std::vector<size_t> m_marks;
  std::unordered_map<uint64_t, PickleValue> m_memo;
  std::vector<PickleValue> m_nodes;
  std::unordered_map<const void*, Visit> m_visits;
};

}  // namespace sememe
