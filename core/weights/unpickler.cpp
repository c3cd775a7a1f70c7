// A pickle machine that builds plain values and runs nothing: the opcodes.
#include "core/weights/unpickler.h"

#include <bit>
#include <limits>
#include <utility>

#include "core/base/error.h"
#include "core/weights/pickle_objects.h"
#include "core/weights/pickle_text.h"

namespace sememe {
namespace {

using Kind = PickleValue::Kind;

// More values than any checkpoint has; each takes 24 bytes on the stack of the machine.
constexpr int64_t kMaxValues = 16 << 20;

}  // namespace

Unpickler::Unpickler(std::span<const std::byte> data, std::string where, PersistentLoad load)
    : m_data(data), m_where(std::move(where)), m_load(std::move(load)) {}

// Containers that the result does not reach may be nested as deep as the file is long, or hold each other: emptied one by
// one they vanish without recursion. What the result reaches was visited and is shallow.
Unpickler::~Unpickler() {
  for (PickleValue& made : m_nodes) {
    const auto visit = m_visits.find(identity(made));
    if (visit == m_visits.end() || visit->second.height < 0) emptyOut(made);
  }
}

void Unpickler::corrupt(const std::string& what) const {
  throw Error(ErrorCode::Corrupt, "broken pickle: " + what, m_where + ", byte " + std::to_string(m_at));
}

void Unpickler::charge(int64_t values) {
  m_values += values;
  if (m_values > kMaxValues) corrupt("it makes more than " + std::to_string(kMaxValues) + " values");
}

PickleValue Unpickler::read() {
  while (step()) {
  }
  PickleValue result = pop();
  // Kept so that the destructor sees it as reached only when every check passed.
  Visit leaf;
  Visit& visit = settle(result, 0, leaf);
  if (visit.replaced) result = visit.replacement;
  return result;
}

std::string_view Unpickler::take(uint64_t size) {
  if (size > m_data.size() - m_at) corrupt("it ends in the middle of a value");
  const std::string_view result(reinterpret_cast<const char*>(m_data.data()) + m_at, static_cast<size_t>(size));
  m_at += static_cast<size_t>(size);
  return result;
}

std::string_view Unpickler::line() {
  const std::string_view rest(reinterpret_cast<const char*>(m_data.data()) + m_at, m_data.size() - m_at);
  const size_t end = rest.find('\n');
  if (end == std::string_view::npos) corrupt("it ends in the middle of a line");
  m_at += end + 1;
  return rest.substr(0, end);
}

uint64_t Unpickler::number(int size) {
  const std::string_view bytes = take(static_cast<uint64_t>(size));
  uint64_t value = 0;
  for (int i = size; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
  return value;
}

void Unpickler::push(PickleValue value) {
  charge(1);
  m_stack.push_back(std::move(value));
}

PickleValue& Unpickler::top() {
  if (m_stack.size() <= (m_marks.empty() ? 0 : m_marks.back())) corrupt("it takes from an empty stack");
  return m_stack.back();
}

PickleValue Unpickler::pop() {
  PickleValue value = std::move(top());
  m_stack.pop_back();
  return value;
}

PickleValue::Items Unpickler::popToMark() {
  if (m_marks.empty()) corrupt("it goes back to a mark that it never set");
  const auto begin = m_stack.begin() + static_cast<std::ptrdiff_t>(m_marks.back());
  PickleValue::Items items(std::make_move_iterator(begin), std::make_move_iterator(m_stack.end()));
  m_stack.erase(begin, m_stack.end());
  m_marks.pop_back();
  return items;
}

PickleValue Unpickler::node(PickleValue made) {
  m_nodes.push_back(made);
  return made;
}

bool Unpickler::step() {
  const auto opcode = static_cast<uint8_t>(number(1));
  switch (opcode) {
    case '.':  // STOP
      return false;
    case 0x80:  // PROTO
      if (number(1) > 5) corrupt("its protocol is newer than 5");
      break;
    case 0x95:  // FRAME: how much may be read ahead
      number(8);
      break;
    case '(':  // MARK
      charge(1);
      m_marks.push_back(m_stack.size());
      break;
    case '0':  // POP
      if (!m_marks.empty() && m_marks.back() == m_stack.size())
        m_marks.pop_back();
      else
        pop();
      break;
    case '1':  // POP_MARK
      popToMark();
      break;
    case '2':  // DUP
      push(top());
      break;
    case ']':  // EMPTY_LIST
      push(node(PickleValue::list({})));
      break;
    case 'l':  // LIST
      push(node(PickleValue::list(popToMark())));
      break;
    case ')':  // EMPTY_TUPLE
      push(node(PickleValue::tuple({})));
      break;
    case 't':  // TUPLE
      push(node(PickleValue::tuple(popToMark())));
      break;
    case 0x85:  // TUPLE1, TUPLE2, TUPLE3
    case 0x86:
    case 0x87: {
      PickleValue::Items items(opcode - 0x84u);
      for (size_t i = items.size(); i-- > 0;) items[i] = pop();
      push(node(PickleValue::tuple(std::move(items))));
      break;
    }
    case '}':  // EMPTY_DICT
      push(node(PickleValue::dict({})));
      break;
    case 'd': {  // DICT
      PickleValue::Items items = popToMark();
      push(node(PickleValue::dict({})));
      setItems(std::move(items));
      break;
    }
    case 0x8f:  // EMPTY_SET
      push(node(PickleValue::opaque({"builtins.set", true, {}, {}, nullptr})));
      break;
    case 0x91:  // FROZENSET
      push(node(PickleValue::opaque({"builtins.frozenset", true, popToMark(), {}, nullptr})));
      break;
    case 'a':  // APPEND
    {
      PickleValue::Items items(1);
      items[0] = pop();
      append(std::move(items));
      break;
    }
    case 'e':   // APPENDS
    case 0x90:  // ADDITEMS
      append(popToMark());
      break;
    case 's': {  // SETITEM
      PickleValue::Items items(2);
      items[1] = pop();
      items[0] = pop();
      setItems(std::move(items));
      break;
    }
    case 'u':  // SETITEMS
      setItems(popToMark());
      break;
    case 'c': {  // GLOBAL
      const std::string_view module = line();
      pushGlobal(module, line());
      break;
    }
    case 0x93: {  // STACK_GLOBAL
      const PickleValue name = pop(), module = pop();
      if (name.kind() != Kind::String || module.kind() != Kind::String) corrupt("the name of a class is no text");
      pushGlobal(module.asString(), name.asString());
      break;
    }
    case 'R':     // REDUCE
    case 0x81: {  // NEWOBJ
      PickleValue arguments = pop();
      const PickleValue function = pop();
      push(call(function, std::move(arguments)));
      break;
    }
    case 0x92: {  // NEWOBJ_EX: keyword arguments are kept behind the others
      PickleValue keywords = pop(), arguments = pop();
      const PickleValue function = pop();
      if (arguments.kind() != Kind::Tuple) corrupt("a class is called without arguments");
      PickleValue::Items all = arguments.asItems();
      all.push_back(std::move(keywords));
      charge(static_cast<int64_t>(all.size()));
      push(call(function, node(PickleValue::tuple(std::move(all)))));
      break;
    }
    case 'o': {  // OBJ: the class is the first after the mark
      PickleValue::Items items = popToMark();
      if (items.empty()) corrupt("an object has no class");
      const PickleValue function = std::move(items.front());
      items.erase(items.begin());
      push(call(function, node(PickleValue::tuple(std::move(items)))));
      break;
    }
    case 'i': {  // INST
      const std::string_view module = line();
      pushGlobal(module, line());
      const PickleValue function = pop();
      PickleValue::Items items = popToMark();
      push(call(function, node(PickleValue::tuple(std::move(items)))));
      break;
    }
    case 'b':  // BUILD
      build(pop());
      break;
    case 'Q':  // BINPERSID
      push(m_load(pop()));
      break;
    case 'P':  // PERSID
      push(m_load(PickleValue(std::string(line()))));
      break;
    default:
      if (!stepValue(opcode) && !stepText(opcode)) {
        --m_at;
        throw Error(ErrorCode::Corrupt, "broken pickle: there is no opcode " + std::to_string(opcode),
                    m_where + ", byte " + std::to_string(m_at));
      }
  }
  return true;
}

// Numbers, texts and the memo.
bool Unpickler::stepValue(uint8_t opcode) {
  switch (opcode) {
    case 'N':
      push(PickleValue());
      break;
    case 0x88:
      push(PickleValue(true));
      break;
    case 0x89:
      push(PickleValue(false));
      break;
    case 'J':  // BININT
      push(PickleValue(static_cast<int64_t>(static_cast<int32_t>(static_cast<uint32_t>(number(4))))));
      break;
    case 'K':  // BININT1
      push(PickleValue(static_cast<int64_t>(number(1))));
      break;
    case 'M':  // BININT2
      push(PickleValue(static_cast<int64_t>(number(2))));
      break;
    case 0x8a:  // LONG1
      pushInteger(take(number(1)));
      break;
    case 0x8b:  // LONG4
      pushInteger(take(number(4)));
      break;
    case 'G': {  // BINFLOAT, big-endian
      const std::string_view bytes = take(8);
      uint64_t bits = 0;
      for (const char c : bytes) bits = bits << 8 | static_cast<uint8_t>(c);
      push(PickleValue(std::bit_cast<double>(bits)));
      break;
    }
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING, of Python 2
      push(PickleValue(std::string(take(number(4)))));
      break;
    case 0x8c:  // SHORT_BINUNICODE
    case 'U':   // SHORT_BINSTRING, of Python 2
      push(PickleValue(std::string(take(number(1)))));
      break;
    case 0x8d:  // BINUNICODE8
      push(PickleValue(std::string(take(number(8)))));
      break;
    case 'C':  // SHORT_BINBYTES
      push(PickleValue::bytes(std::string(take(number(1)))));
      break;
    case 'B':  // BINBYTES
      push(PickleValue::bytes(std::string(take(number(4)))));
      break;
    case 0x8e:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      push(PickleValue::bytes(std::string(take(number(8)))));
      break;
    case 'h':  // BINGET
      pushMemo(number(1));
      break;
    case 'j':  // LONG_BINGET
      pushMemo(number(4));
      break;
    case 'q':  // BINPUT
      memoize(number(1));
      break;
    case 'r':  // LONG_BINPUT
      memoize(number(4));
      break;
    case 0x94:  // MEMOIZE
      memoize(m_memo.size());
      break;
    case 0x82:  // EXT1, EXT2, EXT4: classes by a number that only the writer's program knows
    case 0x83:
    case 0x84:
    case 0x97:  // NEXT_BUFFER, READONLY_BUFFER: data outside the file
    case 0x98:
      throw Error(ErrorCode::Unsupported, "the pickle refers to things outside the file", m_where);
    default:
      return false;
  }
  return true;
}

// The lines of text that protocol 0 is made of.
bool Unpickler::stepText(uint8_t opcode) {
  switch (opcode) {
    case 'I': {
      const std::string_view digits = line();
      if (digits == "00" || digits == "01")
        push(PickleValue(digits == "01"));
      else
        pushDigits(digits);
      break;
    }
    case 'L':
      pushDigits(line());
      break;
    case 'F': {
      const auto value = parsePickleFloat(line());
      if (!value) corrupt("a number is not written as one");
      push(PickleValue(*value));
      break;
    }
    case 'S': {
      auto text = parsePickleString(line());
      if (!text) corrupt("a text is not written as one");
      push(PickleValue(std::move(*text)));
      break;
    }
    case 'V': {
      auto text = parsePickleUnicode(line());
      if (!text) corrupt("a text is not written as one");
      push(PickleValue(std::move(*text)));
      break;
    }
    case 'g':
    case 'p': {
      const auto index = parsePickleInteger(line());
      if (!index || *index < 0) corrupt("a memo has no number");
      if (opcode == 'g')
        pushMemo(static_cast<uint64_t>(*index));
      else
        memoize(static_cast<uint64_t>(*index));
      break;
    }
    default:
      return false;
  }
  return true;
}

void Unpickler::pushInteger(std::string_view littleEndian) {
  if (littleEndian.size() > 8) {
    push(node(PickleValue::opaque(
        {"builtins.int", true, {PickleValue::bytes(std::string(littleEndian))}, {}, nullptr})));
    return;
  }
  uint64_t value = 0;
  for (size_t i = littleEndian.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(littleEndian[i]);
  const size_t bits = 8 * littleEndian.size();
  if (bits > 0 && bits < 64 && (value >> (bits - 1) & 1)) value |= ~uint64_t{0} << bits;
  push(PickleValue(static_cast<int64_t>(value)));
}

void Unpickler::pushDigits(std::string_view digits) {
  if (digits.ends_with('L')) digits.remove_suffix(1);
  if (const auto value = parsePickleInteger(digits)) {
    push(PickleValue(*value));
    return;
  }
  const std::string_view unsignedDigits = digits.starts_with('-') ? digits.substr(1) : digits;
  if (unsignedDigits.empty() || unsignedDigits.find_first_not_of("0123456789") != std::string_view::npos)
    corrupt("a number is not written as one");
  push(node(PickleValue::opaque({"builtins.int", true, {PickleValue(std::string(digits))}, {}, nullptr})));
}

void Unpickler::pushGlobal(std::string_view module, std::string_view name) {
  std::string full(module == "__builtin__" ? std::string_view("builtins") : module);
  full.append(".").append(name);
  push(node(PickleValue::opaque({std::move(full), false, {}, {}, nullptr})));
}

void Unpickler::pushMemo(uint64_t index) {
  const auto it = m_memo.find(index);
  if (it == m_memo.end()) corrupt("it uses a memo that it never made");
  push(it->second);
}

void Unpickler::memoize(uint64_t index) {
  charge(1);
  m_memo[index] = top();
}

}  // namespace sememe
