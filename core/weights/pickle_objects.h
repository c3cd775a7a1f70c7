// The classes of torch and NumPy that stand for plain data in a pickle, and what they mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/weights/pickle_value.h"

namespace sememe {

// What torch's rebuild functions would return for a call of `function` ("torch._utils._rebuild_tensor_v2" …): a tensor,
// or a plain value. Nothing when the function is not one of them. Storages are 1-D tensors; None in place of a storage
// gives None. Throws Error (Corrupt: a tensor that does not lie in its storage; Unsupported), `where` naming the file.
std::optional<PickleValue> rebuildTorchObject(std::string_view function, const PickleValue::Items& arguments,
                                              const std::string& where);

// The plain value of an object that is complete (its state is set): NumPy's arrays, as tensors over the object's bytes,
// and scalars; the parameters of early PyTorch. Nothing when it is not one of them. Throws as above.
std::optional<PickleValue> plainValueOf(const PickleValue::OpaqueData& object, const std::string& where);

}  // namespace sememe
