// Takes the place of MatMulNBits: 4-bit weights, rows rounded to 8 bits; of all rows, or of those that are wanted.
#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "int4_matrix.h"
#include "operator_tools.h"
#include "operators.h"
#include "pages.h"

namespace {

constexpr size_t kTasks = 16;            // of one multiplication: enough that a late thread does not hold up the others
constexpr size_t kSmall = 128 * 1024;    // products that are not worth sharing out
enum Input { kRows, kWeights, kScales, kZeros, kWanted, kInputs };

class Kernel {
 public:
  Kernel(ort::Api api, size_t depth, size_t columns, size_t block)
      : api_(api), depth_(depth), columns_(columns), block_(block) {}

  ort::Status* compute(ort::Context* context) {
    const ort::Value* in[kInputs] = {};
    if (auto failed = ort::inputs_of(api_, context, in, kInputs)) return failed;
    std::vector<int64_t> shape;
    if (auto failed = ort::shape_of(api_, in[kRows], shape)) return failed;
    if (shape.empty() || shape.back() != static_cast<int64_t>(depth_))
      return api_.create_status(ort::kFail, "the rows are not as long as the weights' columns");
    size_t count = 1;
    for (size_t i = 0; i + 1 < shape.size(); i++) count *= static_cast<size_t>(shape[i]);
    const auto* source = ort::data_of<const float>(api_, in[kRows]);
    static thread_local std::vector<float> chosen;
    if (auto failed = choose(in[kWanted], source, count, shape, chosen)) return failed;
    shape.back() = static_cast<int64_t>(columns_);
    ort::Value* out = nullptr;
    if (auto failed = api_.output(context, 0, shape.data(), shape.size(), &out)) return failed;
    std::call_once(packed_, [&] { failed_ = !fits(in) || pack(context, in); });
    if (failed_) return api_.create_status(ort::kFail, "the weights could not be laid out");
    return multiply(context, source, count, ort::data_of<float>(api_, out));
  }

  const ort::Api& api() const { return api_; }

 private:
  bool fits(const ort::Value* const* in) const {
    const size_t groups = depth_ / block_;
    return ort::has(api_, in[kWeights], columns_ * depth_ / 2) && ort::has(api_, in[kScales], columns_ * groups) &&
           (!in[kZeros] || ort::has(api_, in[kZeros], columns_ * ((groups + 1) / 2)));
  }

  // Where there are numbers of `wanted` rows, these rows alone count: `shape` becomes [1, wanted, depth].
  ort::Status* choose(const ort::Value* wanted, const float*& source, size_t& count, std::vector<int64_t>& shape,
                      std::vector<float>& chosen) const {
    std::vector<int64_t> told;
    if (!wanted) return nullptr;
    if (auto failed = ort::shape_of(api_, wanted, told)) return failed;
    if (told.size() != 1 || told[0] == 0) return nullptr;
    const auto* rows = ort::data_of<const int64_t>(api_, wanted);
    const auto many = static_cast<size_t>(told[0]);
    chosen.resize(many * depth_);
    for (size_t i = 0; i < many; i++) {
      if (rows[i] < 0 || rows[i] >= static_cast<int64_t>(count))
        return api_.create_status(ort::kFail, "a row is wanted that is not there");
      std::memcpy(chosen.data() + i * depth_, source + static_cast<size_t>(rows[i]) * depth_, depth_ * sizeof(float));
    }
    source = chosen.data();
    count = many;
    shape = {1, told[0], static_cast<int64_t>(depth_)};
    return nullptr;
  }

  bool pack(ort::Context* context, const ort::Value* const* in) {
    const auto* weights = ort::data_of<const uint8_t>(api_, in[kWeights]);
    const auto* scales = ort::data_of<const float>(api_, in[kScales]);
    const auto* zeros = ort::data_of<const uint8_t>(api_, in[kZeros]);
    matrix_.reset(new int4::Matrix(depth_, columns_, block_, zeros != nullptr));
    const bool failed = ort::share_out(api_, context, matrix_->tiles(), kTasks, [&](size_t first, size_t last) {
      matrix_->pack(weights, scales, zeros, first, last);
    });
    let_go(weights, depth_ * columns_ / 2);
    return failed;
  }

  ort::Status* multiply(ort::Context* context, const float* source, size_t count, float* out) {
    static thread_local int4::Rows rows;
    int4::Rows& mine = rows;  // the calling thread's, also in the threads that help
    mine.resize(count, depth_);
    const size_t cost = depth_ * columns_ * count;
    if (auto failed = ort::share_out(api_, context, count, count < 16 ? 1 : kTasks, [&](size_t first, size_t last) {
          mine.round(source, first, last);
        }))
      return failed;
    return ort::share_out(api_, context, matrix_->tiles(), cost < kSmall ? 1 : kTasks,
                     [&](size_t first, size_t last) { matrix_->multiply(mine, out, first, last); });
  }

  ort::Api api_;
  size_t depth_, columns_, block_;
  std::once_flag packed_;
  bool failed_ = false;
  std::unique_ptr<int4::Matrix> matrix_;
};

ort::Status* SPARK_CALL create(const ort::Operator*, ort::Table table, const ort::KernelInfo* info, void** kernel) {
  const ort::Api api(table);
  int64_t depth = 0, columns = 0, block = 0;
  if (auto failed = api.attribute(info, "K", &depth)) return failed;
  if (auto failed = api.attribute(info, "N", &columns)) return failed;
  if (auto failed = api.attribute(info, "block_size", &block)) return failed;
  constexpr int64_t kMost = int64_t{1} << 30;
  if (depth <= 0 || depth > kMost || columns <= 0 || columns > kMost || block <= 0 || block % int4::kBlock || depth % block)
    return api.create_status(ort::kFail, "a shape that the kernels do not have");
  *kernel = new Kernel(api, static_cast<size_t>(depth), static_cast<size_t>(columns), static_cast<size_t>(block));
  return nullptr;
}

ort::Operator make_operator() {
  ort::Operator op = ort::operator_of<Kernel>();
  op.name = [](const ort::Operator*) -> const char* { return "MatMulNBits"; };
  op.input_types = [](const ort::Operator*) -> size_t { return kInputs; };
  op.input_type = [](const ort::Operator*, size_t i) -> int {
    return i == kWanted ? ort::kInt64 : i == kWeights || i == kZeros ? ort::kUint8 : ort::kFloat;
  };
  op.input_characteristic = [](const ort::Operator*, size_t i) -> int {
    return i >= kZeros ? ort::kOptional : ort::kRequired;
  };
  op.output_types = [](const ort::Operator*) -> size_t { return 1; };
  op.create_kernel = create;
  return op;
}

}  // namespace

const ort::Operator* int4_operator() {
  static const ort::Operator op = make_operator();
  return &op;
}
