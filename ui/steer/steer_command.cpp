// The command line of a scene.
#include "ui/steer/steer_command.h"

#include <QLocale>
#include <QRegularExpression>
#include <QStringList>

namespace sememe {
namespace {

QString number(double value) { return QString::number(value, 'g', QLocale::FloatingPointShortest); }

QString editText(const NeuronEdit& e) {
  const QString neuron = QString::number(e.neuron);
  switch (e.op) {
    case Intervention::Op::Set: return neuron + QStringLiteral("=") + number(e.value);
    case Intervention::Op::Add: return neuron + QStringLiteral("+=") + number(e.value);
    case Intervention::Op::Scale: return neuron + QStringLiteral("*=") + number(e.value);
    case Intervention::Op::Zero: break;
  }
  return neuron + QStringLiteral("=0");
}

// "0-3,7": the patches that are set.
QString ranges(const std::vector<bool>& mask) {
  QStringList parts;
  for (size_t i = 0; i < mask.size(); ++i) {
    if (!mask[i]) continue;
    size_t last = i;
    while (last + 1 < mask.size() && mask[last + 1]) ++last;
    parts << (last == i ? QString::number(i) : QStringLiteral("%1-%2").arg(i).arg(last));
    i = last;
  }
  return parts.join(QLatin1Char(','));
}

QString fromPath(const std::filesystem::path& path) { return QString::fromStdString(path.string()); }

}  // namespace

QString shellWord(const QString& text) {
  static const QRegularExpression safe(QStringLiteral("^[A-Za-z0-9_@%+=:,./-]+$"));
  if (safe.match(text).hasMatch()) return text;
  QString inner = text;
  inner.replace(QLatin1Char('\''), QLatin1String("'\\''"));
  return QLatin1Char('\'') + inner + QLatin1Char('\'');
}

QString steerCommand(const SteerScene& scene) {
  QStringList words{QStringLiteral("sememe-cli"), QStringLiteral("steer")};
  const auto option = [&](const char* name, const QString& value) {
    const QString flag = QString::fromLatin1(name);
    if (value.startsWith(QLatin1Char('-'))) words << shellWord(flag + QLatin1Char('=') + value);  // else it would be taken for an option
    else words << flag << shellWord(value);
  };
  option("--model", fromPath(scene.model.model));
  option("--sae", fromPath(scene.model.sae));
  if (scene.model.layer >= 0) option("--layer", QString::number(scene.model.layer));
  if (scene.model.precision != SteeringModelParams().precision) option("--precision", QString::fromStdString(scene.model.precision));
  if (scene.model.eightBits) words << QStringLiteral("--eight-bit");
  option("--image", scene.image);
  option("--prompt", scene.question);
  for (const NeuronEdit& e : scene.edits.neurons) {
    if (e.on) option("--set", editText(e));
  }
  if (scene.edits.mode == Steering::Mode::KeepError) option("--mode", QStringLiteral("keep-error"));
  if (scene.edits.preZero) words << QStringLiteral("--pre-zero");
  if (!scene.edits.painted.empty()) option("--patches", ranges(scene.edits.painted));
  option("--max-tokens", QString::number(scene.sampling.maxTokens));
  if (scene.sampling.temperature > 0) {
    option("--temperature", number(scene.sampling.temperature));
    option("--top-p", number(scene.sampling.topP));
    option("--seed", QString::number(scene.sampling.seed));
  }
  if (scene.sampling.noRepeatNgram > 0) option("--no-repeat-ngram", QString::number(scene.sampling.noRepeatNgram));
  words << QStringLiteral("--baseline");
  return words.join(QLatin1Char(' '));
}

}  // namespace sememe
