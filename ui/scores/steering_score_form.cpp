// The form that asks for the paper's steering score of a run's neurons.
#include "ui/scores/steering_score_form.h"

#include <QCryptographicHash>
#include <QDialogButtonBox>
#include <QDir>
#include <QFileDialog>
#include <QLabel>
#include <QRegularExpression>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "ui/models/path_text.h"
#include "ui/theme/theme.h"

namespace sememe {
namespace {

constexpr int64_t kMostNamed = 1'000'000;
constexpr int64_t kFirstNeurons = 64;  // proposed: the coarsest of a Matryoshka SAE are among them

QString testKey(SteeringTest test) { return QString::number(int(test)); }

}  // namespace

std::optional<std::vector<int64_t>> parseNeurons(const QString& text) {
  static const QRegularExpression part(QStringLiteral("^([0-9]{1,9})(?:\\s*[-–]\\s*([0-9]{1,9}))?$"));
  std::vector<int64_t> neurons;
  if (text.trimmed().isEmpty()) return neurons;
  for (const QString& piece : text.split(QLatin1Char(','))) {
    const QRegularExpressionMatch match = part.match(piece.trimmed());
    if (!match.hasMatch()) return {};
    const int64_t first = match.captured(1).toLongLong(), last = match.captured(2).isEmpty() ? first : match.captured(2).toLongLong();
    if (last < first || last - first + 1 + int64_t(neurons.size()) > kMostNamed) return {};
    for (int64_t neuron = first; neuron <= last; ++neuron) neurons.push_back(neuron);
  }
  return neurons;
}

SteeringScoreForm::SteeringScoreForm(SteeringScoreOffer offer, QWidget* parent) : QDialog(parent), m_offer(std::move(offer)) {
  setWindowTitle(tr("Score steered neurons"));
  setMinimumWidth(84 * kUnit);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(3 * kUnit, 3 * kUnit, 3 * kUnit, 2 * kUnit);
  column->setSpacing(kUnit);
  auto* about = new QLabel(tr("LLaVA says one word about each image while a neuron is clamped. The score is how well its words fit the images that fire "
                              "the neuron most. It goes on in the background and can be cancelled; the same form takes it up again."));
  about->setWordWrap(true);
  about->setProperty("role", QStringLiteral("muted"));
  column->addWidget(about);
  column->addSpacing(kUnit);

  std::vector<FormField*> fields;
  const auto field = [&](FormField::Kind kind, const char* key, const QString& name, const QString& explanation) {
    auto* made = new FormField(kind, QString::fromLatin1(key), name, explanation);
    column->addWidget(made);
    fields.push_back(made);
    return made;
  };
  const auto browse = [this](FormField* at, const QString& title) {
    auto* button = new QPushButton(tr("Browse…"));
    button->setAutoDefault(false);
    button->setAccessibleName(tr("Browse for %1").arg(at->name()));
    connect(button, &QPushButton::clicked, this, [this, at, title] {
      const QString folder = QFileDialog::getExistingDirectory(this, title, at->text());
      if (!folder.isEmpty()) at->setText(QDir::toNativeSeparators(folder));
    });
    at->addBeside(button);
  };
  using Kind = FormField::Kind;
  m_run = field(Kind::Choice, "run", tr("Neurons &of"), tr("The run whose neurons are steered, with their strongest images"));
  m_neurons = field(Kind::Text, "neurons", tr("&Neurons"), tr("By number, such as 0-63, 515; nothing: all"));
  m_model = field(Kind::Text, "model", tr("&LLaVA"), tr("A Hugging Face folder of a LLaVA, with its tokenizer"));
  browse(m_model, tr("Folder of a LLaVA"));
  m_precision = field(Kind::Choice, "precision", tr("&Precision"), tr("Of LLaVA's weights"));
  m_sae = field(Kind::Text, "sae", tr("&SAE"), tr("Of LLaVA's vision tower; nothing: the tower's own neurons"));
  m_embeddings = field(Kind::Choice, "embeddings", tr("&Compared by"), tr("The embeddings of the images, by the image tower of the model that embeds the words"));
  m_words = field(Kind::Text, "words", tr("&Words by"), tr("A Hugging Face folder of the CLIP or SigLIP that embeds the words"));
  browse(m_words, tr("Folder of a CLIP"));
  m_images = field(Kind::Text, "images", tr("&Images"), tr("A folder of images to ask about"));
  browse(m_images, tr("Images to ask about"));
  m_split = field(Kind::Text, "split", tr("Spli&t"), tr("Its sub-folder, such as val"));
  m_test = field(Kind::Choice, "test", tr("&Test"), tr("What is asked"));
  m_value = field(Kind::Text, "value", tr("&Value"), tr("What the neuron is set to on every token"));
  m_question = field(Kind::Text, "question", tr("&Question"), tr("What LLaVA is asked about each image; its first word counts"));
  int width = 0;
  for (const FormField* f : fields) width = std::max(width, f->nameWidth());
  for (FormField* f : fields) f->setNameWidth(width);

  for (const RunInfo& run : m_offer.runs) m_run->choice()->addItem(QString::fromStdString(run.name), qlonglong(run.id));
  for (const RunInfo& run : m_offer.embeddings) m_embeddings->choice()->addItem(QString::fromStdString(run.name), qlonglong(run.id));
  for (const char* precision : {"f32", "f16", "bf16"}) m_precision->choice()->addItem(QString::fromLatin1(precision), QString::fromLatin1(precision));
  m_test->choice()->addItem(tr("Every image under every neuron"), testKey(SteeringTest::Steered));
  m_test->choice()->addItem(tr("Each neuron's own images, with it suppressed"), testKey(SteeringTest::Suppressed));
  m_test->choice()->addItem(tr("Every image, unsteered"), testKey(SteeringTest::Unsteered));
  m_question->setText(QString::fromStdString(SteeringScoreParams().question));

  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel);
  m_start = buttons->addButton(tr("Score"), QDialogButtonBox::AcceptRole);
  m_start->setProperty("primary", true);
  m_start->setDefault(true);
  column->addSpacing(kUnit);
  column->addWidget(buttons);
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  for (FormField* f : fields) connect(f, &FormField::edited, this, &SteeringScoreForm::check);
  connect(m_run, &FormField::edited, this, &SteeringScoreForm::followRun);
  connect(m_embeddings, &FormField::edited, this, &SteeringScoreForm::followEmbeddings);
  connect(m_test, &FormField::edited, this, &SteeringScoreForm::followTest);
  followRun();
  followEmbeddings();
  followTest();
}

const RunInfo* SteeringScoreForm::chosen(const FormField& field, const std::vector<RunInfo>& runs) const {
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const RunInfo& run) { return QString::number(run.id) == field.text(); });
  return found == runs.end() ? nullptr : &*found;
}

void SteeringScoreForm::followRun() {
  const RunInfo* run = chosen(*m_run, m_offer.runs);
  if (!run) return;
  m_sae->setText(pathText(run->saePath));
  m_neurons->setText(run->dim > kFirstNeurons ? QStringLiteral("0-%1").arg(kFirstNeurons - 1) : QString());
  const bool demo = !m_offer.demo.sae.empty() && QDir::cleanPath(QString::fromStdString(run->saePath)).startsWith(QDir::cleanPath(QString::fromStdString(m_offer.demo.sae.string())));
  m_model->setText(demo ? pathText(m_offer.demo.model) : m_offer.model);
  for (const DatasetInfo& dataset : m_offer.datasets) {
    if (dataset.id != run->dataset) continue;
    m_images->setText(pathText(dataset.root));
    m_split->setText(QString::fromStdString(dataset.split));
  }
  check();
}

void SteeringScoreForm::followEmbeddings() {
  if (const RunInfo* run = chosen(*m_embeddings, m_offer.embeddings)) m_words->setText(pathText(run->modelPath));
  check();
}

// The value that the paper has for the test.
void SteeringScoreForm::followTest() {
  const auto test = SteeringTest(m_test->text().toInt());
  m_value->setText(test == SteeringTest::Suppressed ? QStringLiteral("0") : QStringLiteral("100"));
  m_value->setVisible(test != SteeringTest::Unsteered);
  m_images->setHint(test == SteeringTest::Suppressed ? tr("The images that the run counts: each neuron's strongest are asked about") : QString());
  check();
}

void SteeringScoreForm::check() {
  m_run->setProblem(m_offer.runs.empty() ? tr("This workspace has no indexed run of a layer's output") : QString());
  m_embeddings->setProblem(m_offer.embeddings.empty() ? tr("This workspace has no embeddings: “sememe-cli embed” makes them") : QString());
  const auto neurons = parseNeurons(m_neurons->text());
  const RunInfo* run = chosen(*m_run, m_offer.runs);
  const bool within = run && neurons && std::all_of(neurons->begin(), neurons->end(), [&](int64_t neuron) { return neuron < run->dim; });
  m_neurons->setProblem(within || !run ? QString() : tr("Neurons from 0 to %1, such as 0-63, 515").arg(run->dim - 1));
  const bool hasValue = SteeringTest(m_test->text().toInt()) == SteeringTest::Unsteered || m_value->number();
  m_value->setProblem(hasValue ? QString() : tr("A number"));
  m_start->setEnabled(within && hasValue && chosen(*m_embeddings, m_offer.embeddings) && !m_model->text().isEmpty() && !m_words->text().isEmpty() &&
                      !m_images->text().isEmpty() && !m_question->text().isEmpty());
}

SteeringScoreParams SteeringScoreForm::params() const {
  SteeringScoreParams p;
  p.model.model = toPath(m_model->text());
  p.model.sae = toPath(m_sae->text());
  p.model.precision = m_precision->text().toStdString();
  if (const RunInfo* run = chosen(*m_run, m_offer.runs)) p.model.layer = run->layer;
  p.top = m_offer.workspace.string() + "#" + m_run->text().toStdString();
  p.embeddings = m_offer.workspace.string() + "#" + m_embeddings->text().toStdString();
  p.textModel = toPath(m_words->text());
  p.images = toPath(m_images->text());
  p.split = m_split->text().toStdString();
  p.only = parseNeurons(m_neurons->text()).value_or(std::vector<int64_t>());
  p.test = SteeringTest(m_test->text().toInt());
  p.value = m_value->number().value_or(0);
  p.question = m_question->text().toStdString();
  QCryptographicHash setUp(QCryptographicHash::Sha256);
  for (const FormField* f : {m_model, m_precision, m_sae, m_images, m_split, m_test, m_value, m_question}) setUp.addData((f->text() + QLatin1Char('\n')).toUtf8());
  setUp.addData(QByteArray::number(p.model.layer));
  p.out = m_offer.workspace;
  p.out.replace_filename(p.out.stem().string() + "-steering");
  p.out /= setUp.result().toHex().left(12).toStdString();
  return p;
}

}  // namespace sememe
