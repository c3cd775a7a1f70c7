// The form that asks for the paper's steering score of a run's neurons.
#pragma once

#include <QDialog>
#include <QPushButton>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/pipeline/steering_score.h"
#include "core/store/datasets.h"
#include "core/store/runs.h"
#include "ui/widgets/form_field.h"

namespace sememe {

// What the form offers, and what it begins with.
struct SteeringScoreOffer {
  std::filesystem::path workspace;
  std::vector<RunInfo> runs;        // whose neurons may be steered: indexed
  std::vector<RunInfo> embeddings;  // of CLIP and its like: the words are compared with them
  std::vector<DatasetInfo> datasets;
  SteeringModelParams demo;         // its model goes with its SAE; may be empty
  QString model;                    // what was steered last; empty: none
};

// "0-9, 37": neurons by number, rising in each range; empty text: an empty list, which means all. nullopt: it is none, or
// names over a million.
std::optional<std::vector<int64_t>> parseNeurons(const QString& text);

class SteeringScoreForm : public QDialog {
  Q_OBJECT
 public:
  explicit SteeringScoreForm(SteeringScoreOffer offer, QWidget* parent = nullptr);

  // The same set-up has the same folder for its answers, so that the same form goes on with a run that was stopped.
  SteeringScoreParams params() const;

  FormField& run() { return *m_run; }
  FormField& model() { return *m_model; }
  FormField& sae() { return *m_sae; }
  FormField& words() { return *m_words; }
  FormField& embeddings() { return *m_embeddings; }
  FormField& images() { return *m_images; }
  FormField& neurons() { return *m_neurons; }
  FormField& test() { return *m_test; }
  FormField& value() { return *m_value; }
  FormField& question() { return *m_question; }
  QPushButton& startButton() { return *m_start; }

 private:
  const RunInfo* chosen(const FormField& field, const std::vector<RunInfo>& runs) const;
  void followRun();
  void followEmbeddings();
  void followTest();
  void check();

  SteeringScoreOffer m_offer;
  FormField *m_run, *m_model, *m_precision, *m_sae, *m_words, *m_embeddings, *m_images, *m_split, *m_neurons, *m_test, *m_value, *m_question;
  QPushButton* m_start;
};

}  // namespace sememe
