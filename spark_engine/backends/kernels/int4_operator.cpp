// Takes the place of MatMulNBits: 4-bit weights, rows rounded to 8 bits; of all rows, or of those that are wanted.
#include <memory>
#include <mutex>

#include "int4_matrix.h"
#include "operators.h"
#include "pages.h"
#include "product.h"

namespace {

enum Input { kRows, kWeights, kScales, kZeros, kWanted, kInputs };

class Kernel {
 public:
  Kernel(ort::Api api, size_t depth, size_t columns, size_t block)
      : api_(api), depth_(depth), columns_(columns), block_(block) {}

  ort::Status* compute(ort::Context* context) {
    const ort::Value* in[kInputs] = {};
    if (auto failed = ort::inputs_of(api_, context, in, kInputs)) return failed;
    static thread_local std::vector<float> chosen;
    product::Given given;
    if (auto failed = product::take(api_, in[kRows], in[kWanted], depth_, given, chosen)) return failed;
    given.shape.back() = static_cast<int64_t>(columns_);
    ort::Value* out = nullptr;
    if (auto failed = api_.output(context, 0, given.shape.data(), given.shape.size(), &out)) return failed;
    std::call_once(packed_, [&] { failed_ = !fits(in) || pack(context, in); });
    if (failed_) return api_.create_status(ort::kFail, "the weights could not be laid out");
    return product::multiply(api_, context, *matrix_, depth_, columns_, given, ort::data_of<float>(api_, out));
  }

  const ort::Api& api() const { return api_; }

 private:
  bool fits(const ort::Value* const* in) const {
    const size_t groups = depth_ / block_;
    return ort::has(api_, in[kWeights], columns_ * depth_ / 2) && ort::has(api_, in[kScales], columns_ * groups) &&
           (!in[kZeros] || ort::has(api_, in[kZeros], columns_ * ((groups + 1) / 2)));
  }

  bool pack(ort::Context* context, const ort::Value* const* in) {
    const auto* weights = ort::data_of<const uint8_t>(api_, in[kWeights]);
    const auto* scales = ort::data_of<const float>(api_, in[kScales]);
    const auto* zeros = ort::data_of<const uint8_t>(api_, in[kZeros]);
    matrix_.reset(new int4::Matrix(depth_, columns_, block_, zeros ? int4::kWithZeros : int4::kPlain));
    const bool failed = ort::share_out(api_, context, matrix_->tiles(), product::kTasks, [&](size_t first, size_t last) {
      matrix_->pack(weights, scales, zeros, first, last);
    });
    let_go(weights, depth_ * columns_ / 2);
    return failed;
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
  if (depth <= 0 || depth > kMost || columns <= 0 || columns > kMost || block <= 0 || block % tiles::kBlock || depth % block)
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
