// A dictionary ready to encode on a device.
#include "core/pipeline/attached_sae.h"

#include "core/sae/dictionary.h"

namespace sememe {

AttachedSae attachSae(const std::filesystem::path& path, at::Device device) {
  const std::shared_ptr<Dictionary> dictionary = loadDictionary(path);
  AttachedSae sae{saeTypeInfo(dictionary->type()).name,
                  dictionary->fingerprint(),
                  dictionary->activationDim(),
                  dictionary->dictSize(),
                  dictionary->k(),
                  dictionary->groupSizes(),
                  {}};
  dictionary->to(device);
  sae.encode = [dictionary](const at::Tensor& x) { return dictionary->encode(x); };
  return sae;
}

}  // namespace sememe
