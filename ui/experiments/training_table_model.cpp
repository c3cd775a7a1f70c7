// The trainings as rows of a table.
#include "ui/experiments/training_table_model.h"

#include <QLocale>
#include <cmath>

#include "core/sae/sae_type.h"
#include "ui/widgets/chart_axis.h"

namespace sememe {
namespace {


const SaeTypeInfo* typeOf(const Training& t) {
  for (const SaeTypeInfo& info : saeTypes()) {
    if (t.job.type == info.name) return &info;
  }
  return nullptr;
}

QVariant number(double value) { return std::isfinite(value) ? QVariant(value) : QVariant(); }

QString tooltipOf(const Training& t) {
  if (!t.problem.isEmpty()) return t.problem;
  switch (t.status) {
    case TrainingStatus::Waiting: return QObject::tr("Begins when the work before it has ended");
    case TrainingStatus::Paused: return QObject::tr("Its state is saved; Resume goes on from there");
    case TrainingStatus::Unfinished: return QObject::tr("Stopped before a state was saved; Start again begins from the first step");
    default: return {};
  }
}

}  // namespace

TrainingTableModel::TrainingTableModel(TrainingList& list, QObject* parent) : QAbstractTableModel(parent), m_list(list) {
  connect(&list, &TrainingList::aboutToReset, this, [this] { beginResetModel(); });
  connect(&list, &TrainingList::reset, this, [this] { endResetModel(); });
  connect(&list, &TrainingList::aboutToInsert, this, [this](int row) { beginInsertRows({}, row, row); });
  connect(&list, &TrainingList::inserted, this, [this] { endInsertRows(); });
  connect(&list, &TrainingList::aboutToRemove, this, [this](int row) { beginRemoveRows({}, row, row); });
  connect(&list, &TrainingList::removed, this, [this] { endRemoveRows(); });
  const auto tell = [this](int row) { Q_EMIT dataChanged(index(row, 0), index(row, ColumnCount - 1)); };
  connect(&list, &TrainingList::changed, this, tell);
  connect(&list, &TrainingList::pointsChanged, this, tell);
}

int TrainingTableModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : m_list.count(); }
int TrainingTableModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

// Of a validated training what its SAE does on images it has not seen; of another, its last step.
QVariant TrainingTableModel::value(const Training& t, int column) const {
  const TrainingPoint* last = t.points.empty() ? nullptr : &t.points.back();
  const TrainingPoint* held = t.lastValidated();
  switch (column) {
    case Name: return t.name;
    case Type: return typeOf(t) ? QString::fromUtf8(typeOf(t)->title) : QString::fromStdString(t.job.type);
    case Latents: return t.dictSize > 0 ? QVariant(qlonglong(t.dictSize)) : QVariant();
    case K: return typeOf(t) && typeOf(t)->hasK ? QVariant(qlonglong(t.job.k)) : QVariant();
    case State: return statusText(t);
    case Steps: return qlonglong(t.stepsDone);
    case Loss: return last ? number(last->step.loss) : QVariant();
    case L0: return held ? number(held->validation->inference.l0) : last ? number(last->step.l0) : QVariant();
    case ExplainedVariance: return held ? number(held->validation->inference.fve) : last ? number(last->step.fve) : QVariant();
    case Dead: return held ? QVariant(qlonglong(held->validation->inference.dead)) : last ? QVariant(qlonglong(last->step.dead)) : QVariant();
    case Ms: return held && held->validation->ms ? number(held->validation->ms->mean) : QVariant();
    default: return {};
  }
}

QVariant TrainingTableModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= m_list.count()) return {};
  const Training& t = m_list.at(index.row());
  const int column = index.column();
  switch (role) {
    case Qt::DisplayRole: {
      if (t.status == TrainingStatus::Unreadable && column != Name && column != State) return {};
      const QVariant v = value(t, column);
      if (column == Steps) return t.stepsDone >= t.job.steps ? grouped(t.stepsDone) : tr("%1 of %2").arg(grouped(t.stepsDone), t.job.steps < 10'000 ? grouped(t.job.steps) : shortNumber(double(t.job.steps)));
      if (!v.isValid()) return QStringLiteral("–");
      if (column == Latents || column == K || column == Dead) return grouped(v.toLongLong());
      if (column == ExplainedVariance || column == Ms) return QLocale::c().toString(v.toDouble(), 'f', 3);
      if (column == Loss || column == L0) return shortNumber(v.toDouble());
      return v;
    }
    case SortRole:
      return column == Name ? QVariant(t.name.toLower()) : value(t, column);
    case Qt::TextAlignmentRole: {
      const bool text = column == Name || column == Type || column == State;
      return int((text ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
    }
    case Qt::CheckStateRole:
      return column == Name ? QVariant(int(t.charted ? Qt::Checked : Qt::Unchecked)) : QVariant();
    case Qt::ToolTipRole:
      return column == State ? QVariant(tooltipOf(t)) : column == Name ? QVariant(t.name) : QVariant();
    case IdRole: return qlonglong(t.id);
    case ColorRole: return t.color;
    case ShareRole:
      if (column != Steps || t.job.steps < 1 || !(t.active() || t.canGoOn())) return {};
      return std::min(1.0, double(t.stepsDone) / double(t.job.steps));
    default: return {};
  }
}

bool TrainingTableModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  if (!index.isValid() || index.column() != Name || role != Qt::CheckStateRole) return false;
  m_list.setCharted(m_list.at(index.row()).id, value.toInt() == Qt::Checked);
  return true;
}

Qt::ItemFlags TrainingTableModel::flags(const QModelIndex& index) const {
  Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemNeverHasChildren;
  if (index.column() == Name) flags |= Qt::ItemIsUserCheckable;
  return flags;
}

QVariant TrainingTableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= ColumnCount) return {};
  if (role == Qt::TextAlignmentRole) {
    const bool text = section == Name || section == Type || section == State;
    return int((text ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter);
  }
  const QString names[] = {tr("Training"), tr("Type"), tr("Latents"), tr("k"),    tr("State"), tr("Steps"),
                           tr("Loss"),     tr("L0"),   tr("Expl. var."), tr("Dead"), tr("MS")};
  const QString tips[] = {
      tr("Its name; the check box shows its curves"),
      tr("The kind of sparse autoencoder"),
      tr("Size of the dictionary"),
      tr("Latents that fire for a row; types without it are sparse by a penalty"),
      tr("How far it is"),
      tr("Steps done of all"),
      tr("Of the last step, on training rows"),
      tr("Mean latents that fire for a row; on images held out, where there are some"),
      tr("Share of the variance that the SAE explains; on images held out, where there are some"),
      tr("Latents that never fire; on images held out, where there are some"),
      tr("Mean monosemanticity of the latents on images held out"),
  };
  if (role == Qt::DisplayRole) return names[section];
  if (role == Qt::ToolTipRole) return tips[section];
  return {};
}

}  // namespace sememe
