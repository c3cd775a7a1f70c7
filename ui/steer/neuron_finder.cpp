// The search field, the list below it, and how its neurons are painted.
#include "ui/steer/neuron_finder.h"

#include <QKeyEvent>
#include <QPainter>
#include <QScrollBar>
#include <QStyledItemDelegate>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {

constexpr int kFound = 200;
constexpr int kPauseMs = 120;
constexpr int kThumb = 28, kThumbs = 3;

// Three strongest images, number and label, how strongly it fires here.
class FoundDelegate : public QStyledItemDelegate {
 public:
  FoundDelegate(const Theme& theme, const NeuronLoader& loader, QObject* parent) : QStyledItemDelegate(parent), m_theme(theme), m_loader(loader) {}

  QSize sizeHint(const QStyleOptionViewItem&, const QModelIndex&) const override { return {160, kThumb + kUnit}; }

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override {
    const Colors& c = m_theme.colors();
    painter->save();
    const bool selected = option.state & QStyle::State_Selected;
    if (selected) painter->fillRect(option.rect, c.accentSoft);
    else if (option.state & QStyle::State_MouseOver) painter->fillRect(option.rect, c.hover);
    if (selected) painter->fillRect(QRect(option.rect.left(), option.rect.top(), 3, option.rect.height()), c.accent);
    QRect inner = option.rect.adjusted(2 * kUnit, kUnit / 2, -kUnit - kUnit / 2, -kUnit / 2);
    if (m_loader.hasSource()) {
      const NeuronViewPtr view = m_loader.view(index.data(FoundNeurons::NeuronRole).toLongLong());
      painter->setRenderHint(QPainter::SmoothPixmapTransform);
      for (int i = 0; i < kThumbs; ++i) {
        const QRect cell(inner.left() + i * (kThumb + 3), inner.top(), kThumb, kThumb);
        const bool there = view && size_t(i) < view->images.size();
        const QPixmap pixels = there ? m_loader.thumbnail(view->images[size_t(i)].image) : QPixmap();
        const int side = std::min(pixels.width(), pixels.height());
        if (!pixels.isNull()) painter->drawPixmap(cell, pixels, QRect((pixels.width() - side) / 2, (pixels.height() - side) / 2, side, side));
        else if (!view || there) painter->fillRect(cell, c.track);
      }
      inner.setLeft(inner.left() + kThumbs * (kThumb + 3) + kUnit / 2);
    }
    const double activation = index.data(FoundNeurons::ActivationRole).toDouble();
    const QString value = std::isfinite(activation) ? shortNumber(activation) : QString();
    painter->setPen(c.textMuted);
    painter->drawText(inner, Qt::AlignRight | Qt::AlignVCenter, value);
    painter->setPen(c.text);
    const int room = inner.width() - option.fontMetrics.horizontalAdvance(value) - kUnit;
    painter->drawText(inner, Qt::AlignLeft | Qt::AlignVCenter, option.fontMetrics.elidedText(index.data().toString(), Qt::ElideRight, room));
    painter->restore();
  }

 private:
  const Theme& m_theme;
  const NeuronLoader& m_loader;
};

}  // namespace

void FoundNeurons::set(std::vector<FoundNeuron> found) {
  // A look at one neuron's patches brings the same list again: the current row stays.
  const auto same = [](const FoundNeuron& a, const FoundNeuron& b) {
    return a.neuron == b.neuron && (a.activation == b.activation || (std::isnan(a.activation) && std::isnan(b.activation)));
  };
  if (std::equal(found.begin(), found.end(), m_found.begin(), m_found.end(), same)) return;
  beginResetModel();
  m_found = std::move(found);
  endResetModel();
}

int FoundNeurons::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : int(m_found.size()); }

QVariant FoundNeurons::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const FoundNeuron& found = m_found[size_t(index.row())];
  if (role == NeuronRole) return qlonglong(found.neuron);
  if (role == ActivationRole) return found.activation;
  if (role != Qt::DisplayRole && role != Qt::ToolTipRole && role != Qt::AccessibleTextRole) return {};
  const NeuronViewPtr view = m_loader.view(found.neuron);
  const QString label = view ? QString::fromStdString(view->detail.label) : QString();
  return label.isEmpty() ? QString::number(found.neuron) : QStringLiteral("%1  %2").arg(found.neuron).arg(label);
}

void FoundNeurons::refresh() {
  if (!m_found.empty()) Q_EMIT dataChanged(index(0), index(rowCount() - 1));
}

NeuronFinder::NeuronFinder(const Theme& theme, JobRunner& runner, const NeuronLoader& loader, QWidget* parent)
    : QWidget(parent), m_runner(runner), m_search(new QLineEdit), m_heading(new QLabel), m_stack(new QStackedWidget), m_list(new QListView),
      m_hint(new QLabel), m_model(new FoundNeurons(loader, this)) {
  m_search->setPlaceholderText(tr("Add a neuron: label or number"));
  m_search->setAccessibleName(tr("Add a neuron by label or number"));
  m_search->addAction(theme.icon(QStringLiteral("search")), QLineEdit::LeadingPosition);
  m_search->setClearButtonEnabled(true);
  m_search->installEventFilter(this);
  m_heading->setProperty("role", QStringLiteral("heading"));
  m_heading->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_list->setModel(m_model);
  m_list->setItemDelegate(new FoundDelegate(theme, loader, m_list));
  m_list->setUniformItemSizes(true);
  m_list->setMouseTracking(true);
  m_list->setFrameShape(QFrame::NoFrame);
  m_list->setProperty("bare", true);
  m_list->setEditTriggers(QAbstractItemView::NoEditTriggers);
  m_list->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
  m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_list->setAccessibleName(tr("Neurons to add"));
  m_list->setToolTip(tr("Enter or a double click steers the neuron"));
  m_list->installEventFilter(this);
  m_list->viewport()->installEventFilter(this);
  m_hint->setProperty("role", QStringLiteral("muted"));
  m_hint->setWordWrap(true);
  m_hint->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
  m_hint->setMargin(2 * kUnit);
  m_stack->addWidget(m_list);
  m_stack->addWidget(m_hint);
  auto* head = new QVBoxLayout;
  head->setContentsMargins(2 * kUnit, kUnit + 2, 2 * kUnit, kUnit / 2);
  head->setSpacing(kUnit);
  head->addWidget(m_search);
  head->addWidget(m_heading);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  column->addLayout(head);
  column->addWidget(m_stack, 1);
  m_pause.setSingleShot(true);
  m_pause.setInterval(kPauseMs);
  connect(&m_pause, &QTimer::timeout, this, &NeuronFinder::fill);
  connect(m_search, &QLineEdit::textChanged, &m_pause, qOverload<>(&QTimer::start));
  connect(m_list, &QListView::doubleClicked, this, &NeuronFinder::choose);
  connect(m_list->selectionModel(), &QItemSelectionModel::currentChanged, this, [this](const QModelIndex& index) {
    if (m_list->hasFocus()) point(index);
  });
  connect(m_list, &QListView::entered, this, &NeuronFinder::point);
  connect(m_list->verticalScrollBar(), &QScrollBar::valueChanged, this, &NeuronFinder::viewChanged);
  fill();
}

void NeuronFinder::setSource(const std::filesystem::path& workspace, int64_t run, int64_t neurons) {
  m_workspace = workspace;
  m_run = run;
  m_neurons = neurons;
  fill();
}

void NeuronFinder::setFiring(const std::vector<FiringNeuron>& firing, const QString& where) {
  m_firing.clear();
  for (const FiringNeuron& f : firing) m_firing.push_back({f.neuron, f.max});
  m_where = where;
  if (m_search->text().trimmed().isEmpty()) fill();
}

void NeuronFinder::refresh() { m_model->refresh(); }

void NeuronFinder::focusSearch() {
  m_search->setFocus();
  m_search->selectAll();
}

void NeuronFinder::fill() {
  m_pause.stop();
  const int generation = ++m_generation;
  const QString text = m_search->text().trimmed();
  if (text.isEmpty())
    return present(m_firing, m_where.isEmpty() ? tr("Neurons that fire") : tr("Firing %1").arg(m_where),
                m_where.isEmpty() ? tr("With an image, those that fire on it are listed here.") : tr("No neuron fires there."));
  bool isNumber = false;
  const qlonglong number = text.toLongLong(&isNumber);
  const bool exists = isNumber && number >= 0 && number < m_neurons;
  const double unseen = std::numeric_limits<double>::quiet_NaN();
  if (m_run == 0) {
    std::vector<FoundNeuron> found;
    if (exists) found.push_back({number, unseen});
    return present(found, tr("By number"),
                isNumber ? tr("There is no neuron %1: they are counted from 0 to %2.").arg(number).arg(m_neurons - 1)
                         : tr("Labels are searched in a workspace whose neurons are those of this SAE. A number finds any neuron."));
  }
  NeuronQuery query;
  query.run = m_run;
  query.text = text.toStdString();
  query.sort = NeuronQuery::Sort::Max;
  JobSpec spec;
  spec.urgency = Urgency::Now;
  spec.workspace = m_workspace;
  m_searching = true;
  m_runner.run(
      spec, this,
      [query](JobContext& context) { return context.workspace().neurons().page(query, std::nullopt, kFound); },
      [this, generation, exists, number, unseen](const std::vector<NeuronRow>& rows) {
        if (generation != m_generation) return;
        std::vector<FoundNeuron> found;
        if (exists) found.push_back({number, unseen});  // the number itself before those that begin with it
        for (const auto& row : rows) {
          if (!exists || row.neuron != number) found.push_back({row.neuron, unseen});
        }
        present(std::move(found), tr("In the workspace"), tr("No label, note or number has it."));
      });
}

void NeuronFinder::present(std::vector<FoundNeuron> found, const QString& heading, const QString& empty) {
  m_heading->setText(heading);
  m_hint->setText(empty);
  m_stack->setCurrentIndex(found.empty() ? 1 : 0);
  m_model->set(std::move(found));
  m_searching = false;
  if (std::exchange(m_chooseFirst, false)) choose(m_model->index(0));
  Q_EMIT viewChanged();
}

void NeuronFinder::choose(const QModelIndex& index) {
  if (index.isValid()) Q_EMIT chosen(index.data(FoundNeurons::NeuronRole).toLongLong());
}

void NeuronFinder::point(const QModelIndex& index) {
  Q_EMIT pointedAt(index.isValid() ? index.data(FoundNeurons::NeuronRole).toLongLong() : -1);
}

std::vector<int64_t> NeuronFinder::visibleNeurons() const {
  std::vector<int64_t> seen;
  if (m_model->rowCount() == 0) return seen;
  const QModelIndex first = m_list->indexAt(QPoint(kUnit, 0)), last = m_list->indexAt(QPoint(kUnit, m_list->viewport()->height() - 1));
  const int to = last.isValid() ? last.row() : m_model->rowCount() - 1;
  for (int row = std::max(0, first.row()); row <= to; ++row) seen.push_back(m_model->found()[size_t(row)].neuron);
  return seen;
}

bool NeuronFinder::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_list->viewport() && event->type() == QEvent::Resize) Q_EMIT viewChanged();
  if (watched == m_list && event->type() == QEvent::FocusIn) point(m_list->currentIndex());
  if ((watched == m_list && event->type() == QEvent::FocusOut) || (watched == m_list->viewport() && event->type() == QEvent::Leave)) point({});
  if (event->type() == QEvent::KeyPress) {
    const int key = static_cast<QKeyEvent*>(event)->key();
    if (key == Qt::Key_Return || key == Qt::Key_Enter) {
      if (watched == m_search && (m_pause.isActive() || m_searching)) {
        m_chooseFirst = true;  // of what is found
        if (m_pause.isActive()) fill();
      } else {
        choose(watched == m_list ? m_list->currentIndex() : m_model->index(0));
      }
      return true;
    }
    if (watched == m_search && key == Qt::Key_Down && m_model->rowCount() > 0) {
      m_list->setFocus(Qt::TabFocusReason);
      if (!m_list->currentIndex().isValid()) m_list->setCurrentIndex(m_model->index(0));
      return true;
    }
    if (watched == m_search && key == Qt::Key_Escape && !m_search->text().isEmpty()) {
      m_search->clear();
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

}  // namespace sememe
