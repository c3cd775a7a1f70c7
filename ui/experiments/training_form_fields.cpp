// The fields of the form of a new training: their names, their explanations, their defaults.
#include "core/pipeline/train_presets.h"
#include "ui/experiments/training_form.h"

namespace sememe {

FormField* TrainingForm::add(FormField::Kind kind, const char* key, const QString& name, const QString& explanation,
                             const QString& value) {
  auto* field = new FormField(kind, QString::fromLatin1(key), name, explanation);
  if (!value.isEmpty()) field->setText(value);
  m_fields.push_back(field);
  connect(field, &FormField::edited, this, [this, field] {
    if (m_updating || field->key() == QLatin1String("preset")) return;
    if (field->key() == QLatin1String("encoder")) m_encoder = field->choice()->currentIndex() > 0 ? field->choice()->currentText() : QString(QLatin1String(""));
    // Once one of its values is changed it is the preset no more.
    const QStringList besides{QStringLiteral("run"), QStringLiteral("encoder"), QStringLiteral("name"), QStringLiteral("holdOut"),
                              QStringLiteral("seed")};
    if (!besides.contains(field->key())) {
      m_updating = true;
      this->field("preset").choice()->setCurrentIndex(0);
      m_updating = false;
    }
    update();
  });
  return field;
}

void TrainingForm::makeFields() {
  using Kind = FormField::Kind;
  m_updating = true;
  add(Kind::Choice, "run", tr("&Activations"), tr("The run of this workspace whose rows the SAE learns to take apart"));
  QComboBox* presets = add(Kind::Choice, "preset", tr("&Preset"), tr("Values that a paper used, to begin with"))->choice();
  presets->addItem(tr("own values"), QString());
  for (const TrainPreset& preset : trainPresets()) {
    presets->addItem(QString::fromUtf8(preset.title), QString::fromLatin1(preset.name));
    presets->setItemData(presets->count() - 1, QString::fromUtf8(preset.description), Qt::ToolTipRole);
  }
  FormField* types = add(Kind::Choice, "type", tr("T&ype"), tr("The kind of sparse autoencoder: how it keeps the latents that fire few"));
  for (const SaeTypeInfo& info : saeTypes()) types->choice()->addItem(QString::fromUtf8(info.title), QString::fromLatin1(info.name));
  types->setText(QStringLiteral("matryoshka_batch_topk"));
  FormField* size = add(Kind::Text, "size", tr("Si&ze"), tr("How many latents the dictionary has: more are finer and take longer"), QStringLiteral("8"));
  m_sizeUnit = new QComboBox;
  m_sizeUnit->addItem(tr("× width"));
  m_sizeUnit->addItem(tr("latents"));
  m_sizeUnit->setAccessibleName(tr("Unit of the size"));
  size->addBeside(m_sizeUnit);
  connect(m_sizeUnit, &QComboBox::currentIndexChanged, this, [this] { update(); });
  add(Kind::Text, "k", tr("&k"), tr("How many latents fire for a row: exactly (TopK) or on average. Fewer are easier to read, more explain more"), QStringLiteral("20"));
  add(Kind::Text, "targetL0", tr("Target L&0"), tr("The mean number of latents of a row that training aims at"), QStringLiteral("20"));
  add(Kind::Text, "l1", tr("L&1 penalty"), tr("Weight of the sum of a row's latents in the loss: larger means fewer latents"), QStringLiteral("0.1"));
  add(Kind::Text, "steps", tr("&Steps"), tr("Updates of the weights, each from one batch"), QStringLiteral("10,000"));
  add(Kind::Text, "batch", tr("&Batch"), tr("Rows of a step"), QStringLiteral("4,096"));
  add(Kind::Text, "lr", tr("&Learning rate"), tr("Size of an update; empty or 0: the rule for the type"));
  add(Kind::Text, "warmup", tr("&Warm-up"), tr("Steps over which the learning rate grows from 0"), QStringLiteral("1,000"));
  add(Kind::Text, "holdOut", tr("Hol&d out, %"), tr("Share of the images kept out of training, to measure on: 0 to 50 percent"), QStringLiteral("10"));
  add(Kind::Choice, "encoder", tr("&MS by"), tr("The encoder whose embeddings say how alike the images are that a latent fires on"));
  add(Kind::Text, "name", tr("&Name"), tr("What the training and its folder are called"));
  m_firstOfMore = m_fields.size();
  add(Kind::Text, "validateEvery", tr("Measure every"), tr("Steps between measurements on the images held out; 0: at the end alone"), QStringLiteral("500"));
  add(Kind::Text, "saveEvery", tr("Save every"), tr("Steps between checkpoints; 0: none but the state when it is paused, and the end"), QStringLiteral("0"));
  add(Kind::Text, "auxk", tr("Aux-k weight"), tr("Weight of the loss that revives latents that never fire"), QStringLiteral("0.03125"));
  add(Kind::Text, "groups", tr("Groups"), tr("Shares of the dictionary that the nested groups add, the broadest first; their sum is 1"), QStringLiteral("0.0625, 0.125, 0.25, 0.5625"));
  add(Kind::Text, "sparsityPenalty", tr("Sparsity penalty"), tr("Weight of (L0 / target − 1)² in the loss"), QStringLiteral("1"));
  add(Kind::Text, "bandwidth", tr("Bandwidth"), tr("Width around a threshold in which it learns, in normalised units"), QStringLiteral("0.001"));
  add(Kind::Text, "sparsityWarmup", tr("Sparsity warm-up"), tr("Steps over which the penalty grows from 0"), QStringLiteral("2,000"));
  add(Kind::Text, "decayStart", tr("Decay from step"), tr("Step from which the learning rate falls to 0 at the end; empty: never"));
  field("decayStart").line()->setPlaceholderText(tr("never"));
  add(Kind::Text, "seed", tr("Seed"), tr("Trainings of the same seed and values are alike"), QStringLiteral("0"));
  m_updating = false;
}

}  // namespace sememe
