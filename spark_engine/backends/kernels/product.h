// What operators that multiply rows with a packed matrix share: which rows, and the work in shares.
#pragma once
#include <cstring>
#include <vector>

#include "operator_tools.h"
#include "tiles.h"

namespace product {

constexpr size_t kTasks = 16;          // of one multiplication: enough that a late thread does not hold up the others
constexpr size_t kSmall = 128 * 1024;  // products that are not worth sharing out

// Rows that an operator is given, [count, depth], and the shape of what it is to give.
struct Given {
  const float* rows = nullptr;
  size_t count = 0;
  std::vector<int64_t> shape;
};

// Where there are numbers of `wanted` rows, these rows alone count, copied to `chosen`: the shape becomes [1, wanted, depth].
inline ort::Status* choose(const ort::Api& api, const ort::Value* wanted, size_t depth, Given& given,
                           std::vector<float>& chosen) {
  std::vector<int64_t> told;
  if (!wanted) return nullptr;
  if (auto failed = ort::shape_of(api, wanted, told)) return failed;
  if (told.size() != 1 || told[0] == 0) return nullptr;
  const auto* numbers = ort::data_of<const int64_t>(api, wanted);
  const auto many = static_cast<size_t>(told[0]);
  chosen.resize(many * depth);
  for (size_t i = 0; i < many; i++) {
    if (numbers[i] < 0 || numbers[i] >= static_cast<int64_t>(given.count))
      return api.create_status(ort::kFail, "a row is wanted that is not there");
    std::memcpy(chosen.data() + i * depth, given.rows + static_cast<size_t>(numbers[i]) * depth, depth * sizeof(float));
  }
  given = {chosen.data(), many, {1, told[0], static_cast<int64_t>(depth)}};
  return nullptr;
}

// The rows of an input, those that are wanted.
inline ort::Status* take(const ort::Api& api, const ort::Value* rows, const ort::Value* wanted, size_t depth, Given& given,
                         std::vector<float>& chosen) {
  if (auto failed = ort::shape_of(api, rows, given.shape)) return failed;
  if (given.shape.empty() || given.shape.back() != static_cast<int64_t>(depth))
    return api.create_status(ort::kFail, "the rows are not as long as the weights' columns");
  given.count = 1;
  for (size_t i = 0; i + 1 < given.shape.size(); i++) given.count *= static_cast<size_t>(given.shape[i]);
  given.rows = ort::data_of<const float>(api, rows);
  return choose(api, wanted, depth, given, chosen);
}

// `out` [count, columns] = rows x matrix, on onnxruntime's threads.
template <typename Matrix>
ort::Status* multiply(const ort::Api& api, ort::Context* context, const Matrix& matrix, size_t depth, size_t columns,
                      const Given& given, float* out) {
  static thread_local tiles::Rows rows;
  tiles::Rows& mine = rows;  // the calling thread's, also in the threads that help
  mine.resize(given.count, depth);
  if (auto failed = ort::share_out(api, context, given.count, given.count < 16 ? 1 : kTasks, [&](size_t first, size_t last) {
        mine.round(given.rows, first, last);
      }))
    return failed;
  return ort::share_out(api, context, matrix.tiles(), depth * columns * given.count < kSmall ? 1 : kTasks,
                        [&](size_t first, size_t last) { matrix.multiply(mine, out, first, last); });
}

}  // namespace product
