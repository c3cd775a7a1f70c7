// A pickle machine that builds plain values and runs nothing: objects, and the checks at the end.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/base/error.h"
#include "core/weights/pickle_objects.h"
#include "core/weights/pickle_text.h"
#include "core/weights/unpickler.h"

namespace sememe {
namespace {

using Kind = PickleValue::Kind;

// Deeper than any checkpoint; shallow enough to walk with recursion.
constexpr int kMaxDepth = 200;
// Values in the result, shared ones counted as often as they appear: a walk through it ends.
constexpr int64_t kMaxUnfolded = 64 << 20;

bool isSequence(const PickleValue& value) { return value.kind() == Kind::Tuple || value.kind() == Kind::List; }

}  // namespace

void Unpickler::append(PickleValue::Items items) {
  PickleValue& target = top();
  if (auto* list = std::get_if<std::shared_ptr<PickleValue::Sequence>>(&target.m_data); list && !(*list)->tuple) {
    std::move(items.begin(), items.end(), std::back_inserter((*list)->items));
  } else if (auto* object = std::get_if<std::shared_ptr<PickleValue::OpaqueData>>(&target.m_data)) {
    if ((*object)->name == "builtins.set")
      std::move(items.begin(), items.end(), std::back_inserter((*object)->arguments));
    else
      for (PickleValue& item : items) (*object)->items.emplace_back(PickleValue(), std::move(item));
  } else {
    corrupt("it appends to something that is no list");
  }
}

void Unpickler::setItems(PickleValue::Items keysAndValues) {
  if (keysAndValues.size() % 2 != 0) corrupt("a dict has a key without a value");
  PickleValue& target = top();
  PickleValue::Pairs* pairs = nullptr;
  if (auto* dict = std::get_if<std::shared_ptr<PickleValue::Mapping>>(&target.m_data)) pairs = &(*dict)->pairs;
  if (auto* object = std::get_if<std::shared_ptr<PickleValue::OpaqueData>>(&target.m_data)) pairs = &(*object)->items;
  if (!pairs) corrupt("it sets items of something that is no dict");
  for (size_t i = 0; i < keysAndValues.size(); i += 2)
    pairs->emplace_back(std::move(keysAndValues[i]), std::move(keysAndValues[i + 1]));
}

void Unpickler::build(PickleValue state) {
  PickleValue& target = top();
  // The attributes of dicts (a state dict's _metadata) and tensors are of no use here.
  if (auto* object = std::get_if<std::shared_ptr<PickleValue::OpaqueData>>(&target.m_data))
    if ((*object)->instance) (*object)->state = std::make_shared<const PickleValue>(std::move(state));
}

// dict(), dict(pairs), OrderedDict([[key, value], …]) of Python 2, defaultdict(factory).
PickleValue Unpickler::makeDict(const PickleValue::Items& arguments, bool ordered) {
  PickleValue::Pairs pairs;
  for (const PickleValue& argument : arguments) {
    if (argument.isDict()) {
      charge(static_cast<int64_t>(argument.asPairs().size()));
      for (const auto& pair : argument.asPairs()) pairs.push_back(pair);
    } else if (isSequence(argument)) {
      charge(static_cast<int64_t>(argument.asItems().size()));
      for (const PickleValue& item : argument.asItems()) {
        if (!isSequence(item) || item.asItems().size() != 2) corrupt("a dict is made of something that is no pairs");
        pairs.emplace_back(item.asItems()[0], item.asItems()[1]);
      }
    }
  }
  return node(PickleValue::dict(std::move(pairs), ordered));
}

PickleValue Unpickler::call(const PickleValue& function, PickleValue arguments) {
  if (arguments.kind() != Kind::Tuple) corrupt("a class is called without arguments");
  if (function.kind() != Kind::Opaque || function.asOpaque().instance) corrupt("it calls something that is no class");
  const std::string& name = function.asOpaque().name;
  const PickleValue::Items& items = arguments.asItems();
  charge(static_cast<int64_t>(items.size()));

  if (name == "collections.OrderedDict") return makeDict(items, true);
  if (name == "builtins.dict" || name == "collections.defaultdict" || name == "collections.Counter")
    return makeDict(items, false);
  if ((name == "builtins.list" || name == "builtins.tuple" || name == "builtins.set" || name == "builtins.frozenset") &&
      (items.empty() || (items.size() == 1 && isSequence(items[0])))) {
    PickleValue::Items content;
    if (!items.empty()) {
      charge(static_cast<int64_t>(items[0].asItems().size()));
      content = items[0].asItems();
    }
    if (name == "builtins.list") return node(PickleValue::list(std::move(content)));
    if (name == "builtins.tuple") return node(PickleValue::tuple(std::move(content)));
    return node(PickleValue::opaque({name, true, std::move(content), {}, nullptr}));
  }
  // How protocols 0 to 2 write bytes: as text of the same code points.
  if ((name == "_codecs.encode" || name == "builtins.bytearray") && items.size() == 2 &&
      items[0].kind() == Kind::String) {
    charge(static_cast<int64_t>(items[0].asString().size() / 16));
    if (auto bytes = utf8ToLatin1(items[0].asString())) return PickleValue::bytes(std::move(*bytes));
    corrupt("bytes are written as a text that holds other characters");
  }
  if (name == "builtins.bytes" && items.empty()) return PickleValue::bytes({});
  if ((name == "builtins.bytes" || name == "builtins.bytearray") && items.size() == 1 && items[0].kind() == Kind::Bytes)
    return items[0];
  if (auto value = rebuildTorchObject(name, items, m_where)) {
    if (isSequence(*value)) {
      charge(static_cast<int64_t>(value->asItems().size()));
      return node(std::move(*value));
    }
    return std::move(*value);
  }
  // copyreg's way to write an object of class A(base): _reconstructor(A, base, base's value).
  if ((name == "copyreg._reconstructor" || name == "copy_reg._reconstructor") && !items.empty() &&
      items[0].kind() == Kind::Opaque)
    return node(PickleValue::opaque({items[0].asOpaque().name, true, {}, {}, nullptr}));
  return node(PickleValue::opaque({name, true, items, {}, nullptr}));
}

const void* Unpickler::identity(const PickleValue& value) {
  if (const auto* list = std::get_if<std::shared_ptr<PickleValue::Sequence>>(&value.m_data)) return list->get();
  if (const auto* dict = std::get_if<std::shared_ptr<PickleValue::Mapping>>(&value.m_data)) return dict->get();
  if (const auto* object = std::get_if<std::shared_ptr<PickleValue::OpaqueData>>(&value.m_data)) return object->get();
  return nullptr;
}

void Unpickler::emptyOut(PickleValue& value) {
  if (auto* list = std::get_if<std::shared_ptr<PickleValue::Sequence>>(&value.m_data)) {
    (*list)->items.clear();
  } else if (auto* dict = std::get_if<std::shared_ptr<PickleValue::Mapping>>(&value.m_data)) {
    (*dict)->pairs.clear();
  } else if (auto* object = std::get_if<std::shared_ptr<PickleValue::OpaqueData>>(&value.m_data)) {
    (*object)->arguments.clear();
    (*object)->items.clear();
    (*object)->state = nullptr;
  }
}

// Walks the result once, each shared part once: refuses cycles, depth and blow-up, gives NumPy's objects their value, and
// lets the last of equal keys win, as a dict does.
Unpickler::Visit& Unpickler::settle(PickleValue& value, int depth, Visit& leaf) {
  const void* id = identity(value);
  if (!id) {
    leaf.height = 0;
    leaf.size = 1;
    leaf.replaced = false;
    return leaf;
  }
  if (depth > kMaxDepth) corrupt("it nests deeper than " + std::to_string(kMaxDepth));
  const auto [it, isNew] = m_visits.try_emplace(id);
  if (!isNew) {
    if (it->second.height < 0) corrupt("a value holds itself");
    if (depth + it->second.height > kMaxDepth) corrupt("it nests deeper than " + std::to_string(kMaxDepth));
    return it->second;
  }

  int height = 0;
  int64_t size = 1;
  const auto visit = [&](PickleValue& child) {
    Visit scratch;
    const Visit& seen = settle(child, depth + 1, scratch);
    height = std::max(height, seen.height + 1);
    size += seen.size;
    if (size > kMaxUnfolded) corrupt("it unfolds to more than " + std::to_string(kMaxUnfolded) + " values");
    if (seen.replaced) child = seen.replacement;
  };
  std::optional<PickleValue> plain;
  if (auto* list = std::get_if<std::shared_ptr<PickleValue::Sequence>>(&value.m_data)) {
    for (PickleValue& item : (*list)->items) visit(item);
  } else if (auto* dict = std::get_if<std::shared_ptr<PickleValue::Mapping>>(&value.m_data)) {
    for (auto& [key, item] : (*dict)->pairs) {
      visit(key);
      visit(item);
    }
    dropRepeatedKeys((*dict)->pairs);
  } else {
    auto& object = *std::get<std::shared_ptr<PickleValue::OpaqueData>>(value.m_data);
    for (PickleValue& argument : object.arguments) visit(argument);
    for (auto& [key, item] : object.items) {
      visit(key);
      visit(item);
    }
    if (object.state) {
      PickleValue state = *object.state;
      visit(state);
      object.state = std::make_shared<const PickleValue>(std::move(state));
    }
    plain = plainValueOf(object, m_where);
  }
  Visit& done = m_visits[id];  // the map may have grown
  done.height = height;
  done.size = size;
  if (plain) {
    done.replaced = true;
    done.replacement = std::move(*plain);
  }
  return done;
}

void Unpickler::dropRepeatedKeys(PickleValue::Pairs& pairs) {
  std::unordered_map<std::string_view, size_t> texts;
  std::unordered_map<int64_t, size_t> numbers;
  std::unordered_set<size_t> dropped;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const PickleValue& key = pairs[i].first;
    size_t first = i;
    if (key.kind() == Kind::String)
      first = texts.try_emplace(key.asString(), i).first->second;
    else if (key.kind() == Kind::Int || key.kind() == Kind::Bool)
      first = numbers.try_emplace(key.asInt(), i).first->second;
    if (first == i) continue;
    pairs[first].second = pairs[i].second;
    dropped.insert(i);
  }
  if (dropped.empty()) return;
  PickleValue::Pairs kept;
  for (size_t i = 0; i < pairs.size(); ++i)
    if (!dropped.contains(i)) kept.push_back(std::move(pairs[i]));
  pairs = std::move(kept);
}

}  // namespace sememe
