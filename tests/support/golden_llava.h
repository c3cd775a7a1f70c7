// The tiny LLaVA of tests/golden with its tokenizer, an SAE for it, a picture, and what transformers says about it.
#pragma once

#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QString>
#include <QTemporaryDir>
#include <stdexcept>

namespace sememe {

class GoldenLlava {
 public:
  GoldenLlava() {
    const QString golden = QStringLiteral(GOLDEN_DIR);
    for (const auto& [folder, name] : {std::pair{"/models/llava/", "config.json"}, {"/models/llava/", "model.safetensors"},
                                       {"/steering/processor/", "tokenizer.json"}, {"/steering/processor/", "tokenizer_config.json"},
                                       {"/steering/processor/", "chat_template.jinja"}, {"/steering/processor/", "preprocessor_config.json"}}) {
      if (!QFile::copy(golden + QLatin1String(folder) + QLatin1String(name), m_folder.filePath(QLatin1String(name))))
        throw std::runtime_error(name);
    }
    QFile file(golden + QStringLiteral("/steering/spoken.json"));
    if (!file.open(QIODevice::ReadOnly)) throw std::runtime_error("spoken.json");
    m_spoken = QJsonDocument::fromJson(file.readAll()).object();
  }

  QString folder() const { return m_folder.path(); }
  QString sae() const { return QStringLiteral(GOLDEN_DIR "/steering/llava_sae"); }
  QString image() const { return QStringLiteral(GOLDEN_DIR "/steering/image.png"); }
  QString question() const { return m_spoken[QLatin1String("question")].toString(); }
  // "original", "reconstruction", "steered" (neuron 5 at 30); 12 tokens each: {answer, tokens, first}.
  QJsonObject spoken(const char* which) const { return m_spoken[QLatin1String(which)].toObject(); }
  QString answer(const char* which) const { return spoken(which)[QLatin1String("answer")].toString(); }

 private:
  QTemporaryDir m_folder;
  QJsonObject m_spoken;
};

}  // namespace sememe
