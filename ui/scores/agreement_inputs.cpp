// The fields of a comparison with people.
#include "ui/scores/agreement_inputs.h"

#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QGridLayout>
#include <QLabel>
#include <QMenu>
#include <QStandardPaths>
#include <algorithm>

#include "ui/models/path_text.h"
#include "ui/theme/theme.h"
#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

QStringList several(const QLineEdit* field) {
  QStringList paths;
  for (const QString& part : field->text().split(QLatin1Char(';'))) {
    const QString path = atHome(part);
    if (!path.isEmpty() && !paths.contains(path)) paths << path;
  }
  return paths;
}

void add(QLineEdit* field, const QString& path) {
  QStringList paths = several(field);
  if (!paths.contains(path)) paths << path;
  field->setText(paths.join(QStringLiteral("; ")));
}

QString folderOf(const QString& path) {
  return path.isEmpty() ? QStandardPaths::writableLocation(QStandardPaths::HomeLocation) : QFileInfo(path).absolutePath();
}

bool isArchive(const QString& file) {
  const QString name = QFileInfo(file).fileName().toLower();
  return QFileInfo(file).isDir() || name.endsWith(QLatin1String(".tar")) || name.contains(QLatin1String(".tar.")) ||
         name.endsWith(QLatin1String(".tgz"));
}

bool isEmbeddings(const QString& file) {
  return QStringList{QStringLiteral("pt"), QStringLiteral("pth"), QStringLiteral("npy"), QStringLiteral("safetensors")}.contains(
      QFileInfo(file).suffix().toLower());
}

bool isMetric(const QString& file) { return QFileInfo(file).suffix() == QLatin1String("csv"); }

}  // namespace

AgreementInputs::AgreementInputs(QWidget* parent)
    : QWidget(parent),
      m_archive(new QLineEdit),
      m_embeddings(new QLineEdit),
      m_metrics(new QLineEdit),
      m_addEmbeddings(new QPushButton(tr("Add"))),
      m_compare(new QPushButton(tr("Compare"))) {
  auto* open = new QPushButton(tr("Open…"));
  open->setToolTip(tr("Choose the archive"));
  connect(open, &QPushButton::clicked, this, &AgreementInputs::chooseArchive);
  auto* addMetrics = new QPushButton(tr("Add…"));
  addMetrics->setToolTip(tr("Choose CSV files of neuron and value"));
  connect(addMetrics, &QPushButton::clicked, this, [this] { addFiles(m_metrics, tr("Metrics of neurons"), tr("CSV (*.csv)")); });
  m_addEmbeddings->setToolTip(tr("Choose embeddings of the archive's images"));
  m_addEmbeddings->setAccessibleName(tr("Add embeddings"));
  m_addEmbeddings->setProperty("menu", true);
  m_addEmbeddings->setMenu(new QMenu(m_addEmbeddings));
  addMetrics->setAccessibleName(tr("Add metrics"));
  m_compare->setProperty("primary", true);

  m_archive->setPlaceholderText(QStringLiteral("metric_benchmark.tar.gz"));
  m_archive->setToolTip(tr("The archive as it was released, or a folder with what is in it"));
  m_embeddings->setPlaceholderText(tr("None: released scores alone"));
  m_embeddings->setToolTip(
      tr("A row for each of the archive's images: MS is computed anew with each and compared with the released.\n"
         "Files, or runs as WORKSPACE#RUN; several with semicolons between them"));
  m_metrics->setPlaceholderText(tr("None"));
  m_metrics->setToolTip(
      tr("Your own metrics: CSV files with a line of neuron and value for each; several with semicolons between them"));
  auto* grid = new QGridLayout(this);
  grid->setContentsMargins(0, 0, 0, 0);
  grid->setSpacing(kUnit);
  const auto label = [&](const QString& text, QLineEdit* field, int row, int column) {
    auto* name = new QLabel(text);
    name->setBuddy(field);
    grid->addWidget(name, row, column);
  };
  label(tr("&Archive"), m_archive, 0, 0);
  grid->addWidget(m_archive, 0, 1, 1, 5);
  grid->addWidget(open, 0, 6);
  label(tr("Em&beddings"), m_embeddings, 1, 0);
  grid->addWidget(m_embeddings, 1, 1);
  grid->addWidget(m_addEmbeddings, 1, 2);
  label(tr("&Metrics"), m_metrics, 1, 3);
  grid->addWidget(m_metrics, 1, 4);
  grid->addWidget(addMetrics, 1, 5);
  grid->addWidget(m_compare, 1, 6);
  grid->setColumnStretch(1, 1);
  grid->setColumnStretch(4, 1);
  QWidget* order[] = {m_archive, open, m_embeddings, m_addEmbeddings, m_metrics, addMetrics, m_compare};
  for (size_t i = 1; i < std::size(order); ++i) setTabOrder(order[i - 1], order[i]);

  for (const auto& [field, name] : {std::pair(m_archive, tr("Archive of the metric benchmark")),
                                    std::pair(m_embeddings, tr("Embeddings")), std::pair(m_metrics, tr("Metrics"))}) {
    field->setAccessibleName(name);
    field->setClearButtonEnabled(true);
    field->setAcceptDrops(false);  // the view takes files wherever they are dropped
    connect(field, &QLineEdit::returnPressed, m_compare, &QPushButton::click);
  }
  connect(m_archive, &QLineEdit::textChanged, this, &AgreementInputs::updateButton);
  connect(m_compare, &QPushButton::clicked, this, &AgreementInputs::compareWanted);
  fillRuns();
  updateButton();
}

void AgreementInputs::updateButton() {
  m_compare->setEnabled(!m_archive->text().trimmed().isEmpty());
  m_compare->setToolTip(m_compare->isEnabled() ? QString() : tr("Choose the archive first"));
}

void AgreementInputs::setRuns(const WorkspaceSummary& summary) {
  m_summary = summary;
  fillRuns();
}

void AgreementInputs::fillRuns() {
  QMenu* menu = m_addEmbeddings->menu();
  menu->clear();
  menu->addAction(tr("&Files…"), this, [this] {
    addFiles(m_embeddings, tr("Embeddings of the archive's images"),
             tr("Tensors (*.pt *.pth *.npy *.safetensors);;All files (*)"));
  });
  if (m_summary.embeddings.empty()) return;
  menu->addSeparator();
  const QString file = QString::fromStdString(m_summary.path.string());
  for (const RunInfo& run : m_summary.embeddings) {
    QString name = QString::fromStdString(run.name);
    menu->addAction(
        tr("%1, %2 images")
            .arg(name.replace(QLatin1Char('&'), QLatin1String("&&")), grouped(run.rows / std::max<int64_t>(1, run.rowsPerImage))),
        this, [this, spec = QStringLiteral("%1#%2").arg(file).arg(run.id)] { add(m_embeddings, spec); });
  }
}

MetricBenchmarkParams AgreementInputs::params() const {
  MetricBenchmarkParams params;
  params.data = std::filesystem::path(atHome(m_archive->text()).toStdU16String());
  for (const QString& path : several(m_embeddings)) params.embeddings.push_back(path.toStdString());
  for (const QString& path : several(m_metrics)) params.metrics.emplace_back(path.toStdU16String());
  return params;
}

void AgreementInputs::chooseArchive() {
  const QString file =
      QFileDialog::getOpenFileName(this, tr("The released metric benchmark"), folderOf(atHome(m_archive->text())),
                                   tr("Archives (*.tar *.tar.* *.tgz);;All files (*)"));
  if (!file.isEmpty()) take(file);
}

void AgreementInputs::addFiles(QLineEdit* field, const QString& title, const QString& filter) {
  const QStringList now = several(field);
  for (const QString& file :
       QFileDialog::getOpenFileNames(this, title, folderOf(now.isEmpty() ? atHome(m_archive->text()) : now.last()), filter))
    add(field, file);
}

bool AgreementInputs::takes(const QString& file) { return isArchive(file) || isEmbeddings(file) || isMetric(file); }

void AgreementInputs::take(const QString& file) {
  if (isEmbeddings(file)) return add(m_embeddings, file);
  if (isMetric(file)) return add(m_metrics, file);
  m_archive->setText(file);
  m_compare->setFocus();
}

void AgreementInputs::applySettings(const Settings& settings) {
  m_archive->setText(settings.agreementArchive);
  m_embeddings->setText(settings.agreementEmbeddings);
  m_metrics->setText(settings.agreementMetrics);
}

void AgreementInputs::storeSettings(Settings& settings) const {
  settings.agreementArchive = m_archive->text();
  settings.agreementEmbeddings = m_embeddings->text();
  settings.agreementMetrics = m_metrics->text();
}

}  // namespace sememe
