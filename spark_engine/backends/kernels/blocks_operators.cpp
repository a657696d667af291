// Operators on weights as GGUF files hold them: rows times a matrix, and rows of a table.
#include <memory>
#include <mutex>

#include "blocks.h"
#include "int4_matrix.h"
#include "int8_matrix.h"
#include "operators.h"
#include "pages.h"
#include "product.h"

namespace {

constexpr int64_t kMost = int64_t{1} << 30;

// `K` numbers of a row of weights, `N` rows, `type` as GGUF numbers it.
struct Weights {
  int64_t depth = 0, rows = 0, type = 0;
  blocks::Layout layout{};

  ort::Status* read(const ort::Api& api, const ort::KernelInfo* info) {
    if (auto failed = api.attribute(info, "K", &depth)) return failed;
    if (auto failed = api.attribute(info, "N", &rows)) return failed;
    if (auto failed = api.attribute(info, "type", &type)) return failed;
    layout = blocks::layout(type);
    if (layout.weights == 0 || depth <= 0 || depth > kMost || rows <= 0 || rows > kMost ||
        depth % static_cast<int64_t>(layout.weights))
      return api.create_status(ort::kFail, "weights that the kernels do not know");
    return nullptr;
  }

  size_t row_bytes() const { return static_cast<size_t>(depth) / layout.weights * layout.bytes; }
  size_t bytes() const { return static_cast<size_t>(rows) * row_bytes(); }
};

class Product {
 public:
  Product(ort::Api api, const Weights& weights) : api_(api), weights_(weights) {}

  ort::Status* compute(ort::Context* context) {
    const ort::Value* in[3] = {};  // rows, weights, numbers of wanted rows
    if (auto failed = ort::inputs_of(api_, context, in, 3)) return failed;
    static thread_local std::vector<float> chosen;
    const auto depth = static_cast<size_t>(weights_.depth), columns = static_cast<size_t>(weights_.rows);
    product::Given given;
    if (auto failed = product::take(api_, in[0], in[2], depth, given, chosen)) return failed;
    given.shape.back() = weights_.rows;
    ort::Value* out = nullptr;
    if (auto failed = api_.output(context, 0, given.shape.data(), given.shape.size(), &out)) return failed;
    std::call_once(packed_, [&] { failed_ = !ort::has(api_, in[1], weights_.bytes()) || pack(context, in[1]); });
    if (failed_) return api_.create_status(ort::kFail, "the weights could not be laid out");
    auto* to = ort::data_of<float>(api_, out);
    return four_ ? product::multiply(api_, context, *four_, depth, columns, given, to)
                 : product::multiply(api_, context, *eight_, depth, columns, given, to);
  }

  const ort::Api& api() const { return api_; }

 private:
  bool pack(ort::Context* context, const ort::Value* value) {
    const auto* from = ort::data_of<const uint8_t>(api_, value);
    const auto depth = static_cast<size_t>(weights_.depth), columns = static_cast<size_t>(weights_.rows);
    if (weights_.type == blocks::kQ4_0)
      four_.reset(new int4::Matrix(depth, columns, tiles::kBlock, int4::kHalf));
    else
      eight_.reset(new int8::Matrix(depth, columns, weights_.type));
    const size_t count = four_ ? four_->tiles() : eight_->tiles();
    const bool failed = ort::share_out(api_, context, count, product::kTasks, [&](size_t first, size_t last) {
      four_ ? four_->pack_q4_0(from, first, last) : eight_->pack(from, first, last);
    });
    let_go(from, weights_.bytes());
    return failed;
  }

  ort::Api api_;
  Weights weights_;
  std::once_flag packed_;
  bool failed_ = false;
  std::unique_ptr<int4::Matrix> four_;
  std::unique_ptr<int8::Matrix> eight_;
};

class Table {
 public:
  Table(ort::Api api, const Weights& weights) : api_(api), weights_(weights) {}

  ort::Status* compute(ort::Context* context) const {
    const ort::Value* in[2] = {};  // numbers of rows, weights
    if (auto failed = ort::inputs_of(api_, context, in, 2)) return failed;
    std::vector<int64_t> shape;
    if (auto failed = ort::shape_of(api_, in[0], shape)) return failed;
    size_t count = 1;
    for (int64_t size : shape) count *= static_cast<size_t>(size);
    shape.push_back(weights_.depth);
    ort::Value* out = nullptr;
    if (auto failed = api_.output(context, 0, shape.data(), shape.size(), &out)) return failed;
    if (!ort::has(api_, in[1], weights_.bytes())) return api_.create_status(ort::kFail, "the weights could not be laid out");
    const auto* rows = ort::data_of<const int64_t>(api_, in[0]);
    const auto* from = ort::data_of<const uint8_t>(api_, in[1]);
    auto* to = ort::data_of<float>(api_, out);
    for (size_t i = 0; i < count; i++, to += weights_.depth) {
      if (rows[i] < 0 || rows[i] >= weights_.rows) return api_.create_status(ort::kFail, "a row is wanted that is not there");
      write(from + static_cast<size_t>(rows[i]) * weights_.row_bytes(), to);
    }
    return nullptr;
  }

  const ort::Api& api() const { return api_; }

 private:
  void write(const uint8_t* from, float* to) const {
    int8_t numbers[blocks::kMost];
    float scales[blocks::kMost / blocks::kGroup];
    const size_t each = weights_.layout.weights;
    for (size_t b = 0; b < static_cast<size_t>(weights_.depth) / each; b++, to += each) {
      blocks::unpack(weights_.type, from + b * weights_.layout.bytes, numbers, scales);
      for (size_t i = 0; i < each; i++) to[i] = numbers[i] * scales[i / blocks::kGroup];
    }
  }

  ort::Api api_;
  Weights weights_;
};

template <typename Kernel>
ort::Status* SPARK_CALL create(const ort::Operator*, ort::Table table, const ort::KernelInfo* info, void** kernel) {
  const ort::Api api(table);
  Weights weights;
  if (auto failed = weights.read(api, info)) return failed;
  *kernel = new Kernel(api, weights);
  return nullptr;
}

ort::Operator make_product() {
  ort::Operator op = ort::operator_of<Product>();
  op.name = [](const ort::Operator*) -> const char* { return "MatMulBlocks"; };
  op.input_types = [](const ort::Operator*) -> size_t { return 3; };
  op.input_type = [](const ort::Operator*, size_t i) -> int {
    return i == 0 ? ort::kFloat : i == 1 ? ort::kUint8 : ort::kInt64;
  };
  op.input_characteristic = [](const ort::Operator*, size_t i) -> int { return i == 2 ? ort::kOptional : ort::kRequired; };
  op.output_types = [](const ort::Operator*) -> size_t { return 1; };
  op.create_kernel = create<Product>;
  return op;
}

ort::Operator make_table() {
  ort::Operator op = ort::operator_of<Table>();
  op.name = [](const ort::Operator*) -> const char* { return "GatherBlocks"; };
  op.input_types = [](const ort::Operator*) -> size_t { return 2; };
  op.input_type = [](const ort::Operator*, size_t i) -> int { return i == 0 ? ort::kInt64 : ort::kUint8; };
  op.input_characteristic = [](const ort::Operator*, size_t) -> int { return ort::kRequired; };
  op.output_types = [](const ort::Operator*) -> size_t { return 1; };
  op.create_kernel = create<Table>;
  return op;
}

}  // namespace

const ort::Operator* product_operator() {
  static const ort::Operator op = make_product();
  return &op;
}

const ort::Operator* table_operator() {
  static const ort::Operator op = make_table();
  return &op;
}
