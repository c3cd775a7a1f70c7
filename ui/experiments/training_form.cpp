// The form of a new training: building it, reading it, saying what is wrong.
#include "ui/experiments/training_form.h"

#include <QHBoxLayout>
#include <QLocale>
#include <QRegularExpression>
#include <QSignalBlocker>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/pipeline/train_presets.h"
#include "core/sae/train_params.h"
#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

QString plain(double v) { return QLocale::c().toString(v, 'g', 8); }

QString typeHint(SaeType type) {
  switch (type) {
    case SaeType::Standard: return QObject::tr("ReLU latents, kept few by a penalty on their sum (L1)");
    case SaeType::Gated: return QObject::tr("Gates say which latents fire, magnitudes how much");
    case SaeType::TopK: return QObject::tr("The k largest latents of each row fire");
    case SaeType::BatchTopK: return QObject::tr("k latents fire for a row on average: more where there is more to say");
    case SaeType::MatryoshkaBatchTopK: return QObject::tr("BatchTopK in nested groups: the first latents carry the broad concepts");
    case SaeType::JumpRelu: return QObject::tr("Each latent learns the threshold above which it fires");
  }
  return {};
}

// What TrainParams::check() calls a field, and ours.
const char* keyOf(const std::string& field) {
  const std::pair<const char*, const char*> keys[] = {
      {"dict_size", "size"}, {"lr", "lr"}, {"batch", "batch"}, {"steps", "steps"}, {"warmup", "warmup"},
      {"decay_start", "decayStart"}, {"l1_penalty", "l1"}, {"sparsity_penalty", "sparsityPenalty"},
      {"target_l0", "targetL0"}, {"bandwidth", "bandwidth"}, {"sparsity_warmup_steps", "sparsityWarmup"},
      {"k", "k"}, {"auxk_alpha", "auxk"}, {"group_fractions", "groups"},
  };
  for (const auto& [theirs, ours] : keys) {
    if (field == theirs) return ours;
  }
  return "size";
}

}  // namespace

TrainingForm::TrainingForm(const Theme& theme, QWidget* parent) : QWidget(parent), m_theme(theme) {
  makeFields();
  m_start = new QPushButton(tr("Start tra&ining"));
  m_start->setProperty("primary", true);
  m_start->setMinimumHeight(4 * kUnit);
  m_reason = new QLabel;
  m_reason->setProperty("role", QStringLiteral("danger"));
  m_reason->setWordWrap(true);
  m_reason->setTextFormat(Qt::PlainText);
  auto* foot = new QVBoxLayout;
  foot->setContentsMargins(2 * kUnit, kUnit, 2 * kUnit, 2 * kUnit);
  foot->setSpacing(kUnit);
  foot->addWidget(m_reason);
  foot->addWidget(m_start);

  m_scroll = new QScrollArea;
  m_scroll->setWidget(makeBody());
  m_scroll->setWidgetResizable(true);
  m_scroll->setFrameShape(QFrame::NoFrame);
  m_scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_scroll->setFocusPolicy(Qt::NoFocus);
  m_scroll->viewport()->setAutoFillBackground(false);
  m_scroll->widget()->setAutoFillBackground(false);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  auto* heading = new QLabel(tr("New training"));
  heading->setProperty("role", QStringLiteral("title"));
  heading->setContentsMargins(2 * kUnit, kUnit + 2, 2 * kUnit, kUnit / 2);
  column->addWidget(heading);
  column->addWidget(m_scroll, 1);
  auto* rule = new QFrame;
  rule->setProperty("role", QStringLiteral("rule"));
  column->addWidget(rule);
  column->addLayout(foot);

  connect(m_start, &QPushButton::clicked, this, &TrainingForm::start);
  connect(field("preset").choice(), &QComboBox::currentIndexChanged, this, [this](int index) {
    if (!m_updating) applyPreset(index);
  });
  update();
}

FormField& TrainingForm::field(const char* key) const {
  return **std::find_if(m_fields.begin(), m_fields.end(), [&](const FormField* f) { return f->key() == QLatin1String(key); });
}

QWidget* TrainingForm::makeBody() {
  auto* body = new QWidget;
  auto* column = new QVBoxLayout(body);
  column->setContentsMargins(2 * kUnit, kUnit, 2 * kUnit, kUnit);
  column->setSpacing(kUnit);
  m_more = new QToolButton;
  m_more->setText(tr("M&ore"));
  m_more->setCheckable(true);
  m_more->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
  m_more->setToolTip(tr("Further parameters, which seldom need a change"));
  m_more->setIconSize({14, 14});
  m_moreBox = new QWidget;
  auto* inside = new QVBoxLayout(m_moreBox);
  inside->setContentsMargins(0, 0, 0, 0);
  inside->setSpacing(kUnit);
  int widths[2] = {};
  for (size_t i = 0; i < m_fields.size(); ++i) {
    int& width = widths[i < m_firstOfMore ? 0 : 1];
    width = std::max(width, m_fields[i]->nameWidth());
  }
  for (size_t i = 0; i < m_fields.size(); ++i) {
    m_fields[i]->setNameWidth(widths[i < m_firstOfMore ? 0 : 1]);
    (i < m_firstOfMore ? column : inside)->addWidget(m_fields[i]);
    if (i + 1 == m_firstOfMore) {
      column->addWidget(m_more, 0, Qt::AlignLeft);
      column->addWidget(m_moreBox);
    }
  }
  column->addStretch(1);
  const auto unfold = [this](bool on) {
    m_more->setIcon(m_theme.icon(on ? QStringLiteral("unfolded") : QStringLiteral("right")));
    m_moreBox->setVisible(on);
  };
  connect(m_more, &QToolButton::toggled, this, unfold);
  unfold(false);
  return body;
}

void TrainingForm::setSources(const WorkspaceSummary& summary) {
  const QString before = field("run").text();
  m_updating = true;
  m_summary = summary;
  QComboBox* runs = field("run").choice();
  runs->clear();
  for (const RunInfo& run : summary.activations) {
    // Its number is what a training names it by.
    runs->addItem(QString::fromStdString(run.name), QString::number(run.id));
    runs->setItemData(runs->count() - 1, QString::fromStdString(run.name), Qt::ToolTipRole);
  }
  field("run").setText(before);
  m_updating = false;
  update();
}

void TrainingForm::setTakenNames(const QStringList& names) {
  if (names == m_taken) return;
  m_taken = names;
  update();
}

void TrainingForm::setBusy(bool training) {
  m_start->setText(training ? tr("Add to the &queue") : tr("Start tra&ining"));
}

const RunInfo* TrainingForm::run() const {
  const int index = field("run").choice()->currentIndex();
  return index < 0 || index >= int(m_summary.activations.size()) ? nullptr : &m_summary.activations[size_t(index)];
}

const SaeTypeInfo& TrainingForm::type() const {
  return saeTypeInfo(parseSaeType(field("type").text().toStdString()));
}

bool TrainingForm::isUsed(const FormField& f) const {
  const SaeTypeInfo& info = type();
  const QString& key = f.key();
  const bool penalised = info.type == SaeType::Standard || info.type == SaeType::Gated;
  if (key == QLatin1String("k") || key == QLatin1String("auxk")) return info.hasK;
  if (key == QLatin1String("groups")) return info.hasGroups;
  if (key == QLatin1String("l1")) return penalised;
  if (key == QLatin1String("targetL0") || key == QLatin1String("sparsityPenalty") || key == QLatin1String("bandwidth"))
    return info.type == SaeType::JumpRelu;
  if (key == QLatin1String("sparsityWarmup")) return !info.hasK;
  return true;
}

// Encoders that have embedded the same images.
void TrainingForm::listEncoders() {
  QComboBox* encoders = field("encoder").choice();
  encoders->clear();
  encoders->addItem(tr("none"), QString());
  const RunInfo* chosen = run();
  for (const RunInfo& e : m_summary.embeddings) {
    if (chosen && chosen->dataset != 0 && e.dataset == chosen->dataset) encoders->addItem(QString::fromStdString(e.name), QString::number(e.id));
  }
  const int chosenBefore = m_encoder ? m_encoder->isEmpty() ? 0 : encoders->findText(*m_encoder) : -1;
  encoders->setCurrentIndex(chosenBefore >= 0 ? chosenBefore : std::min(1, encoders->count() - 1));
}

void TrainingForm::applyPreset(int index) {
  if (index < 1 || index > int(trainPresets().size())) return update();
  TrainJobParams job;
  trainPresets()[size_t(index - 1)].apply(job);
  m_updating = true;
  field("type").setText(QString::fromStdString(job.type));
  m_sizeUnit->setCurrentIndex(job.dictSize > 0 ? 1 : 0);
  field("size").setText(job.dictSize > 0 ? QString::number(job.dictSize) : plain(job.expansion));
  const std::pair<const char*, int64_t> whole[] = {{"k", job.k}, {"steps", job.steps}, {"batch", job.batch},
                                                   {"warmup", job.warmup}, {"sparsityWarmup", job.sparsityWarmup},
                                                   {"saveEvery", job.saveEvery}, {"validateEvery", job.validateEvery}};
  for (const auto& [key, value] : whole) field(key).setText(grouped(value));
  const std::pair<const char*, double> real[] = {{"auxk", job.auxkAlpha}, {"l1", job.l1Penalty}, {"targetL0", job.targetL0},
                                                 {"sparsityPenalty", job.sparsityPenalty}, {"bandwidth", job.bandwidth}};
  for (const auto& [key, value] : real) field(key).setText(plain(value));
  field("lr").setText(job.lr > 0 ? plain(job.lr) : QString());
  field("decayStart").setText(job.decayStart >= 0 ? grouped(job.decayStart) : QString());
  QStringList groups;
  for (const double g : job.groupFractions) groups << plain(g);
  field("groups").setText(groups.join(QStringLiteral(", ")));
  m_updating = false;
  update();
}

TrainJobParams TrainingForm::read() {
  TrainJobParams job;
  const auto wanted = [this](const char* key) { return isUsed(field(key)); };
  const auto whole = [&](const char* key, int64_t& value) {
    if (!wanted(key)) return;
    if (const auto n = field(key).whole()) value = *n;
    else field(key).setProblem(tr("A whole number is needed, such as %1").arg(value < 0 ? 1000 : value));
  };
  const auto real = [&](const char* key, double& value) {
    if (!wanted(key)) return;
    if (const auto n = field(key).number()) value = *n;
    else field(key).setProblem(tr("A number is needed, such as %1").arg(plain(value)));
  };
  job.type = field("type").text().toStdString();
  if (m_sizeUnit->currentIndex() == 0) {
    real("size", job.expansion);
    if (field("size").problem().isEmpty() && !(job.expansion > 0)) field("size").setProblem(tr("A number above 0 is needed"));
  } else {
    job.dictSize = 1024;
    whole("size", job.dictSize);
    if (field("size").problem().isEmpty() && job.dictSize < 1) field("size").setProblem(tr("At least one latent is needed"));
  }
  whole("k", job.k);
  whole("steps", job.steps);
  whole("batch", job.batch);
  whole("warmup", job.warmup);
  whole("saveEvery", job.saveEvery);
  whole("validateEvery", job.validateEvery);
  whole("sparsityWarmup", job.sparsityWarmup);
  real("auxk", job.auxkAlpha);
  real("l1", job.l1Penalty);
  real("targetL0", job.targetL0);
  real("sparsityPenalty", job.sparsityPenalty);
  real("bandwidth", job.bandwidth);
  if (!field("lr").text().isEmpty()) real("lr", job.lr);
  if (!field("decayStart").text().isEmpty()) whole("decayStart", job.decayStart);
  int64_t seed = 0;
  whole("seed", seed);
  if (seed < 0 && field("seed").problem().isEmpty()) field("seed").setProblem(tr("A whole number from 0 is needed"));
  job.seed = uint64_t(seed);
  double percent = 10;
  real("holdOut", percent);
  job.holdOut = percent / 100;
  if (field("holdOut").problem().isEmpty() && (percent < 0 || percent > 50)) field("holdOut").setProblem(tr("Between 0 and 50 percent"));
  if (wanted("groups")) {
    if (const auto groups = field("groups").numbers()) job.groupFractions = *groups;
    else field("groups").setProblem(tr("Numbers with commas between are needed, such as 1/16, 1/8, 1/4, 9/16"));
  }
  for (const char* key : {"saveEvery", "validateEvery"}) {
    if (field(key).problem().isEmpty() && *field(key).whole() < 0) field(key).setProblem(tr("0 (at the end alone) or a number of steps"));
  }
  if (const RunInfo* chosen = run()) job.activations = m_summary.path.string() + '#' + std::to_string(chosen->id);
  const std::string encoder = field("encoder").text().toStdString();
  if (!encoder.empty()) job.embeddings = m_summary.path.string() + '#' + encoder;
  return job;
}

// What single fields can not know: the trainer's own rules, and what depends on the run.
void TrainingForm::check(TrainJobParams& job) {
  const RunInfo* chosen = run();
  TrainParams params;
  params.type = type().type;
  params.activationDim = chosen ? chosen->dim : 1;
  params.dictSize = job.dictSize > 0 ? job.dictSize : std::llround(job.expansion * double(params.activationDim));
  params.k = job.k;
  params.lr = job.lr;
  params.batch = job.batch;
  params.steps = job.steps;
  params.warmup = std::min(job.warmup, std::max<int64_t>(0, job.steps - 1));
  params.decayStart = job.decayStart;
  params.auxkAlpha = job.auxkAlpha;
  params.groupFractions = job.groupFractions;
  params.l1Penalty = job.l1Penalty;
  params.sparsityPenalty = job.sparsityPenalty;
  params.targetL0 = job.targetL0;
  params.bandwidth = job.bandwidth;
  params.sparsityWarmup = std::min(job.sparsityWarmup, std::max<int64_t>(0, job.steps - 1));
  const bool unread = std::any_of(m_fields.begin(), m_fields.end(), [](const FormField* f) { return !f->problem().isEmpty(); });
  if (!unread) {
    try {
      params.check();
    } catch (const Error& error) {
      QString text = QString::fromStdString(error.message());
      text.remove(0, text.lastIndexOf(QLatin1String("expected ")));
      field(keyOf(error.where())).setProblem(text.replace(QLatin1String("expected"), tr("Expected")));
    }
  }
  if (!job.embeddings.empty() && job.holdOut == 0 && field("holdOut").problem().isEmpty())
    field("holdOut").setProblem(tr("MS is measured on images held out: choose a share above 0, or no encoder"));
  const QString name = field("name").text();
  static const QRegularExpression allowed(QStringLiteral("^[\\p{L}\\p{N}][\\p{L}\\p{N} ._+=,()×-]{0,79}$"));
  if (!name.isEmpty() && !allowed.match(name).hasMatch())
    field("name").setProblem(tr("Letters, digits, spaces and . _ - + = , ( ), at most 80; it names a folder"));
  else if (!name.isEmpty() && m_taken.contains(name, Qt::CaseInsensitive))
    field("name").setProblem(tr("A training of this name exists"));
}

void TrainingForm::update() {
  if (m_updating) return;
  m_updating = true;
  for (FormField* f : m_fields) {
    f->setProblem({});
    f->setVisible(isUsed(*f));
  }
  listEncoders();
  TrainJobParams job = read();
  check(job);
  updateHints(job);
  m_problem.clear();
  if (m_summary.activations.empty()) m_problem = tr("The workspace holds no activations to train on.");
  bool hidden = false;
  for (const FormField* f : m_fields) {
    if (f->problem().isEmpty() || !m_problem.isEmpty()) continue;
    m_problem = tr("%1: %2").arg(f->name(), f->problem());
    hidden = f->parentWidget() == m_moreBox;
  }
  if (hidden) m_more->setChecked(true);
  m_job = m_problem.isEmpty() ? std::optional(job) : std::nullopt;
  m_start->setEnabled(m_problem.isEmpty());
  m_start->setToolTip(m_problem);
  m_reason->setText(m_problem);
  m_reason->setVisible(!m_problem.isEmpty());
  m_updating = false;
  Q_EMIT checked();
}

void TrainingForm::updateHints(const TrainJobParams& job) {
  const RunInfo* chosen = run();
  const SaeTypeInfo& info = type();
  const int64_t dim = chosen ? chosen->dim : 0;
  const int64_t latents = job.dictSize > 0 ? job.dictSize : std::llround(job.expansion * double(dim));
  if (chosen) {
    QStringList facts{tr("%1 wide").arg(grouped(dim)), tr("%1 rows").arg(grouped(chosen->rows))};
    if (!chosen->point.empty())
      facts << (chosen->layer >= 0 ? tr("%1, layer %2").arg(QString::fromStdString(chosen->point)).arg(chosen->layer) : QString::fromStdString(chosen->point));
    field("run").setHint(facts.join(QStringLiteral(" · ")));
  } else {
    field("run").setHint({});
  }
  const int preset = field("preset").choice()->currentIndex();
  field("preset").setHint(preset >= 1 ? QString::fromUtf8(trainPresets()[size_t(preset - 1)].description) : QString());
  field("type").setHint(typeHint(info.type));
  if (dim > 0)
    field("size").setHint(job.dictSize > 0 ? tr("%1 × the width").arg(plain(std::round(double(latents) / double(dim) * 100) / 100))
                                           : tr("%1 latents").arg(grouped(latents)));
  field("k").setHint(tr("Latents that fire for a row"));
  field("targetL0").setHint(tr("Latents of a row to aim at, on average"));
  field("l1").setHint(tr("Larger means fewer latents of a row"));
  if (chosen && job.steps > 0 && job.batch > 0) {
    const double rows = double(job.steps) * double(job.batch), each = rows / (double(chosen->rows) * (1 - job.holdOut));
    field("steps").setHint(tr("Each row is seen about %1 times").arg(each < 10 ? plain(std::round(each * 10) / 10) : grouped(std::llround(each))));
  }
  TrainParams rule;
  rule.type = info.type;
  rule.dictSize = std::max<int64_t>(1, latents);
  field("lr").line()->setPlaceholderText(tr("automatic: %1").arg(shortNumber(rule.learningRate(), 2)));
  field("holdOut").setHint(chosen && chosen->rowsPerImage > 0 && field("holdOut").problem().isEmpty()
                               ? tr("%1 images kept to measure on").arg(grouped(std::llround(job.holdOut * double(chosen->rows) / double(chosen->rowsPerImage))))
                               : QString());
  field("encoder").setHint(field("encoder").choice()->count() > 1 ? tr("Says how alike two images are, for the MS curve")
                                                                  : tr("No embeddings of these images: no MS curve"));
  field("name").line()->setPlaceholderText(trainingName());
  m_sizeUnit->setToolTip(m_sizeUnit->currentIndex() == 0 ? tr("Times the width of the activations") : tr("Latents of the dictionary"));
}

QString TrainingForm::trainingName() const {
  if (!field("name").text().isEmpty()) return field("name").text();
  const SaeTypeInfo& info = type();
  QStringList parts{QString::fromUtf8(info.title)};
  parts << (m_sizeUnit->currentIndex() == 0 ? tr("×%1").arg(field("size").text()) : field("size").text());
  if (info.hasK) parts << tr("k%1").arg(field("k").text());
  else if (info.type == SaeType::JumpRelu) parts << tr("L0=%1").arg(field("targetL0").text());
  else parts << tr("L1=%1").arg(field("l1").text());
  const QString name = parts.join(QLatin1Char(' ')).remove(QLatin1Char('/'));
  QString free = name;
  for (int n = 2; m_taken.contains(free, Qt::CaseInsensitive); ++n) free = tr("%1 (%2)").arg(name).arg(n);
  return free;
}

void TrainingForm::start() {
  if (!m_job) return;
  const QString name = trainingName();
  field("name").setText({});  // the next one has its own
  Q_EMIT startWanted(name, *m_job);
}

QMap<QString, QString> TrainingForm::values() const {
  QMap<QString, QString> values;
  // Runs belong to a workspace, and the encoder has the same name in each.
  const QStringList besides{QStringLiteral("name"), QStringLiteral("run"), QStringLiteral("encoder")};
  for (const FormField* f : m_fields) {
    if (!besides.contains(f->key())) values.insert(f->key(), f->text());
  }
  if (m_encoder) values.insert(QStringLiteral("encoder"), *m_encoder);
  values.insert(QStringLiteral("sizeUnit"), QString::number(m_sizeUnit->currentIndex()));
  values.insert(QStringLiteral("more"), QString::number(int(m_more->isChecked())));
  return values;
}

void TrainingForm::setValues(const QMap<QString, QString>& values) {
  m_updating = true;
  for (FormField* f : m_fields) {
    const auto at = values.find(f->key());
    if (at != values.end() && f->key() != QLatin1String("encoder")) f->setText(*at);
  }
  if (values.contains(QStringLiteral("encoder"))) m_encoder = values.value(QStringLiteral("encoder"));
  m_sizeUnit->setCurrentIndex(values.value(QStringLiteral("sizeUnit")) == QLatin1String("1") ? 1 : 0);
  m_more->setChecked(values.value(QStringLiteral("more")) == QLatin1String("1"));
  m_updating = false;
  update();
}

}  // namespace sememe
