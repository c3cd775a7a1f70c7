// The plain values that a Python pickle may hold, as far as they are data.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sememe {

// A value read from, or to be written to, a torch file. Copies are cheap and share the content, which never changes
// once made, so any thread may read it. Values are trees (at most 200 deep) or share sub-trees; there are no cycles.
class PickleValue {
 public:
  enum class Kind { None, Bool, Int, Double, String, Bytes, Tensor, List, Tuple, Dict, Opaque };
  using Items = std::vector<PickleValue>;
  using Pairs = std::vector<std::pair<PickleValue, PickleValue>>;  // in the order of the file; keys are unique

  // Anything else: a Python class, function or object. Its name is kept, its code is never run.
  struct OpaqueData {
    std::string name;       // "module.Class"; a whole number beyond 64 bits is "builtins.int" of its bytes or digits
    bool instance = false;  // false: the class, function or constant itself ("torch.float32")
    Items arguments;        // of the constructor; the members of a set
    Pairs items;            // what a subclass of dict or list (then with None as keys) was filled with
    std::shared_ptr<const PickleValue> state;  // what __setstate__ would have received; null when there was none
  };

  PickleValue() = default;  // None
  PickleValue(bool value) : m_data(value) {}
  PickleValue(int value) : m_data(int64_t{value}) {}
  PickleValue(int64_t value) : m_data(value) {}
  PickleValue(double value) : m_data(value) {}
  PickleValue(const char* text) : PickleValue(std::string(text)) {}
  PickleValue(std::string text);  // UTF-8
  PickleValue(at::Tensor tensor) : m_data(std::move(tensor)) {}
  static PickleValue bytes(std::string content);
  static PickleValue list(Items items);
  static PickleValue tuple(Items items);
  // `ordered`: Python's OrderedDict, the class of every state dict.
  static PickleValue dict(Pairs pairs, bool ordered = false);
  static PickleValue opaque(OpaqueData data);

  Kind kind() const;
  static const char* kindName(Kind kind);  // "None", "bool", "int", … for messages
  bool isNone() const { return kind() == Kind::None; }
  bool isTensor() const { return kind() == Kind::Tensor; }
  bool isDict() const { return kind() == Kind::Dict; }

  // Each throws Error (Mismatch) when the value is of another kind; asDouble and asInt accept a bool, asDouble an int.
  bool asBool() const;
  int64_t asInt() const;
  double asDouble() const;
  const std::string& asString() const;
  const std::string& asBytes() const;
  const at::Tensor& asTensor() const;
  const Items& asItems() const;  // of a list or tuple
  const Pairs& asPairs() const;  // of a dict
  const OpaqueData& asOpaque() const;
  bool isOrderedDict() const;

  // The value under a text key of a dict; null when absent or when this is no dict.
  const PickleValue* find(std::string_view key) const;

 private:
  friend class Unpickler;
  struct Text {
    std::string content;
    bool bytes = false;
  };
  struct Sequence {
    Items items;
    bool tuple = false;
  };
  struct Mapping {
    Pairs pairs;
    bool ordered = false;
  };
  [[noreturn]] void wrongKind(const char* wanted) const;

  std::variant<std::monostate, bool, int64_t, double, std::shared_ptr<const Text>, at::Tensor,
               std::shared_ptr<Sequence>, std::shared_ptr<Mapping>, std::shared_ptr<OpaqueData>>
      m_data;
};

}  // namespace sememe
