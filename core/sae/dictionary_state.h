// The tensors of one state dict by name, with errors that name file and key. Internal to core/sae.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace sememe {

class DictionaryState {
 public:
  // Throws Error as readStateDict() does.
  explicit DictionaryState(const std::filesystem::path& path);
  // Tensors that another library's file gave, under the names that the type's table row has. `keepsScale`: latents stay as
  // that library gives them, whatever the norm of the decoder's rows.
  DictionaryState(const std::filesystem::path& path, std::map<std::string, at::Tensor> tensors, bool keepsScale)
      : m_path(path), m_tensors(std::move(tensors)), m_keepsScale(keepsScale) {}

  const std::filesystem::path& path() const { return m_path; }
  std::string where(const std::string& key) const { return m_path.string() + ", " + key; }
  bool keepsScale() const { return m_keepsScale; }
  bool has(const std::string& key) const { return m_tensors.contains(key); }
  bool hasAll(const std::vector<std::string>& keys) const;
  std::vector<std::string> keys() const;

  // These read a key that is there. Throw Error (Mismatch, Invalid).
  at::Tensor real(const std::string& key, int64_t dims) const;  // a float32 copy with so many axes
  double number(const std::string& key) const;
  int64_t positiveInteger(const std::string& key) const;
  std::vector<int64_t> integers(const std::string& key) const;

 private:
  std::filesystem::path m_path;
  std::map<std::string, at::Tensor> m_tensors;
  bool m_keepsScale = false;
};

// Throws Error (Mismatch: another shape; Corrupt: NaN or infinite values), naming `where` and the tensor.
void checkWeight(const at::Tensor& tensor, const std::vector<int64_t>& shape, const char* name, const std::string& where);

// Throws Error (Mismatch, Unsupported) unless `encoder` has two axes of at least one element and F fits 32 bits.
void checkEncoder(const at::Tensor& encoder, int64_t latents, const std::string& where);

}  // namespace sememe
