// The plain values that a Python pickle may hold.
#include "core/weights/pickle_value.h"

#include "core/base/error.h"

namespace sememe {

PickleValue::PickleValue(std::string text) : m_data(std::make_shared<const Text>(Text{std::move(text), false})) {}

PickleValue PickleValue::bytes(std::string content) {
  PickleValue value;
  value.m_data = std::make_shared<const Text>(Text{std::move(content), true});
  return value;
}

PickleValue PickleValue::list(Items items) {
  PickleValue value;
  value.m_data = std::make_shared<Sequence>(Sequence{std::move(items), false});
  return value;
}

PickleValue PickleValue::tuple(Items items) {
  PickleValue value;
  value.m_data = std::make_shared<Sequence>(Sequence{std::move(items), true});
  return value;
}

PickleValue PickleValue::dict(Pairs pairs, bool ordered) {
  PickleValue value;
  value.m_data = std::make_shared<Mapping>(Mapping{std::move(pairs), ordered});
  return value;
}

PickleValue PickleValue::opaque(OpaqueData data) {
  PickleValue value;
  value.m_data = std::make_shared<OpaqueData>(std::move(data));
  return value;
}

PickleValue::Kind PickleValue::kind() const {
  switch (m_data.index()) {
    case 1:
      return Kind::Bool;
    case 2:
      return Kind::Int;
    case 3:
      return Kind::Double;
    case 4:
      return std::get<4>(m_data)->bytes ? Kind::Bytes : Kind::String;
    case 5:
      return Kind::Tensor;
    case 6:
      return std::get<6>(m_data)->tuple ? Kind::Tuple : Kind::List;
    case 7:
      return Kind::Dict;
    case 8:
      return Kind::Opaque;
    default:
      return Kind::None;
  }
}

const char* PickleValue::kindName(Kind kind) {
  constexpr const char* kNames[] = {"None",   "bool", "int",   "float", "str",   "bytes",
                                    "tensor", "list", "tuple", "dict",  "object"};
  return kNames[static_cast<int>(kind)];
}

void PickleValue::wrongKind(const char* wanted) const {
  throw Error(ErrorCode::Mismatch, std::string("a value is of type ") + kindName(kind()) + ", expected " + wanted);
}

bool PickleValue::asBool() const {
  if (const bool* v = std::get_if<bool>(&m_data)) return *v;
  wrongKind("bool");
}

int64_t PickleValue::asInt() const {
  if (const bool* v = std::get_if<bool>(&m_data)) return *v ? 1 : 0;
  if (const int64_t* v = std::get_if<int64_t>(&m_data)) return *v;
  wrongKind("int");
}

double PickleValue::asDouble() const {
  if (const double* v = std::get_if<double>(&m_data)) return *v;
  if (kind() == Kind::Bool || kind() == Kind::Int) return static_cast<double>(asInt());
  wrongKind("float");
}

const std::string& PickleValue::asString() const {
  if (kind() != Kind::String) wrongKind("str");
  return std::get<4>(m_data)->content;
}

const std::string& PickleValue::asBytes() const {
  if (kind() != Kind::Bytes) wrongKind("bytes");
  return std::get<4>(m_data)->content;
}

const at::Tensor& PickleValue::asTensor() const {
  if (const at::Tensor* v = std::get_if<at::Tensor>(&m_data)) return *v;
  wrongKind("tensor");
}

const PickleValue::Items& PickleValue::asItems() const {
  if (const auto* v = std::get_if<std::shared_ptr<Sequence>>(&m_data)) return (*v)->items;
  wrongKind("list or tuple");
}

const PickleValue::Pairs& PickleValue::asPairs() const {
  if (const auto* v = std::get_if<std::shared_ptr<Mapping>>(&m_data)) return (*v)->pairs;
  wrongKind("dict");
}

const PickleValue::OpaqueData& PickleValue::asOpaque() const {
  if (const auto* v = std::get_if<std::shared_ptr<OpaqueData>>(&m_data)) return **v;
  wrongKind("object");
}

bool PickleValue::isOrderedDict() const {
  const auto* v = std::get_if<std::shared_ptr<Mapping>>(&m_data);
  return v && (*v)->ordered;
}

const PickleValue* PickleValue::find(std::string_view key) const {
  if (!isDict()) return nullptr;
  for (const auto& [name, value] : asPairs())
    if (name.kind() == Kind::String && name.asString() == key) return &value;
  return nullptr;
}

}  // namespace sememe
