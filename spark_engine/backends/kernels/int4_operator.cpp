// An operator for onnxruntime that takes the place of MatMulNBits: 4-bit weights, rows rounded to 8 bits.
#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "int4_matrix.h"
#include "ort_interface.h"
#include "pages.h"

namespace {

constexpr size_t kTasks = 16;            // of one multiplication: enough that a late thread does not hold up the others
constexpr size_t kSmall = 128 * 1024;    // products that are not worth sharing out
enum Input { kRows, kWeights, kScales, kZeros, kInputs };

template <typename T>
T* data_of(const ort::Api& api, const ort::Value* value) {
  void* told = nullptr;
  ort::Status* failed = api.data(const_cast<ort::Value*>(value), &told);
  return failed ? nullptr : static_cast<T*>(told);
}

// Calls `work(first, last)` for shares of `total`, on onnxruntime's own threads.
template <typename Work>
ort::Status* share_out(const ort::Api& api, const ort::Context* context, size_t total, size_t tasks, Work work) {
  tasks = std::min(tasks, total);
  if (tasks <= 1) {
    work(size_t{0}, total);
    return nullptr;
  }
  struct Shared {
    Work& work;
    size_t total, tasks;
  } shared{work, total, tasks};
  const auto one = [](void* data, size_t task) {
    auto& s = *static_cast<Shared*>(data);
    s.work(s.total * task / s.tasks, s.total * (task + 1) / s.tasks);
  };
  void(SPARK_CALL * run)(void*, size_t) = one;
  return api.parallel_for(context, run, tasks, tasks, &shared);
}

class Kernel {
 public:
  Kernel(ort::Api api, size_t depth, size_t columns, size_t block)
      : api_(api), depth_(depth), columns_(columns), block_(block) {}

  ort::Status* compute(ort::Context* context) {
    const ort::Value* in[kInputs] = {};
    size_t given = 0;
    if (auto failed = api_.input_count(context, &given)) return failed;
    for (size_t i = 0; i < std::min<size_t>(given, kInputs); i++)
      if (auto failed = api_.input(context, i, &in[i])) return failed;
    std::vector<int64_t> shape;
    if (auto failed = shape_of(in[kRows], shape)) return failed;
    if (shape.empty() || shape.back() != static_cast<int64_t>(depth_))
      return api_.create_status(ort::kFail, "the rows are not as long as the weights' columns");
    size_t count = 1;
    for (size_t i = 0; i + 1 < shape.size(); i++) count *= static_cast<size_t>(shape[i]);
    shape.back() = static_cast<int64_t>(columns_);
    ort::Value* out = nullptr;
    if (auto failed = api_.output(context, 0, shape.data(), shape.size(), &out)) return failed;
    std::call_once(packed_, [&] { failed_ = pack(context, in); });
    if (failed_) return api_.create_status(ort::kFail, "the weights could not be laid out");
    return multiply(context, data_of<float>(api_, in[kRows]), count, data_of<float>(api_, out));
  }

 private:
  ort::Status* shape_of(const ort::Value* value, std::vector<int64_t>& shape) {
    ort::Shape* told = nullptr;
    if (auto failed = api_.shape_of(value, &told)) return failed;
    size_t count = 0;
    ort::Status* failed = api_.dimension_count(told, &count);
    shape.resize(count);
    if (!failed) failed = api_.dimensions(told, shape.data(), count);
    api_.release_shape(told);
    return failed;
  }

  bool pack(ort::Context* context, const ort::Value* const* in) {
    const auto* weights = data_of<const uint8_t>(api_, in[kWeights]);
    const auto* scales = data_of<const float>(api_, in[kScales]);
    const auto* zeros = in[kZeros] ? data_of<const uint8_t>(api_, in[kZeros]) : nullptr;
    matrix_.reset(new int4::Matrix(depth_, columns_, block_, zeros != nullptr));
    const bool failed = share_out(api_, context, matrix_->tiles(), kTasks, [&](size_t first, size_t last) {
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
    if (auto failed = share_out(api_, context, count, count < 16 ? 1 : kTasks, [&](size_t first, size_t last) {
          mine.round(source, first, last);
        }))
      return failed;
    return share_out(api_, context, matrix_->tiles(), cost < kSmall ? 1 : kTasks,
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
  if (depth <= 0 || columns <= 0 || block <= 0 || block % int4::kBlock || depth % block)
    return api.create_status(ort::kFail, "a shape that the kernels do not have");
  *kernel = new Kernel(api, static_cast<size_t>(depth), static_cast<size_t>(columns), static_cast<size_t>(block));
  return nullptr;
}

ort::Status* SPARK_CALL compute(void* kernel, ort::Context* context) {
  return static_cast<Kernel*>(kernel)->compute(context);
}

ort::Operator make_operator() {
  ort::Operator op{};
  op.version = ort::kVersion;
  op.name = [](const ort::Operator*) -> const char* { return "MatMulNBits"; };
  op.provider = [](const ort::Operator*) -> const char* { return nullptr; };
  op.input_type = [](const ort::Operator*, size_t i) -> int {
    return i == kWeights || i == kZeros ? ort::kUint8 : ort::kFloat;
  };
  op.input_types = [](const ort::Operator*) -> size_t { return kInputs; };
  op.output_type = [](const ort::Operator*, size_t) -> int { return ort::kFloat; };
  op.output_types = [](const ort::Operator*) -> size_t { return 1; };
  op.destroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  op.input_characteristic = [](const ort::Operator*, size_t i) -> int {
    return i == kZeros ? ort::kOptional : ort::kRequired;
  };
  op.output_characteristic = [](const ort::Operator*, size_t) -> int { return ort::kRequired; };
  op.input_memory = [](const ort::Operator*, size_t) -> int { return 0; };
  op.least_inputs = op.least_outputs = [](const ort::Operator*) -> int { return 1; };
  op.like_inputs = op.like_outputs = [](const ort::Operator*) -> int { return 1; };
  op.create_kernel = create;
  op.compute = compute;
  op.first_version = [](const ort::Operator*) -> int { return 1; };
  op.last_version = [](const ort::Operator*) -> int { return 0x7fffffff; };
  return op;
}

}  // namespace

// onnxruntime calls this by its name (SessionOptions.register_custom_ops_library).
SPARK_EXPORT ort::Status* SPARK_CALL RegisterCustomOps(ort::SessionOptions* options, const ort::Base* base) {
  static const ort::Operator op = make_operator();
  const ort::Table table = base->get_api(ort::kVersion);
  if (!table) return nullptr;  // older than the interface used here: its own error about the operator is clear
  const ort::Api api(table);
  if (!int4::is_supported()) return api.create_status(ort::kFail, "this processor lacks AVX2");
  ort::Domain* domain = nullptr;
  if (auto failed = api.create_domain("spark.kernels", &domain)) return failed;
  if (auto failed = api.add_operator(domain, &op)) return failed;
  return api.add_domain(options, domain);  // the domain lives as long as the process, as `op` does
}

// What a Python extension must have; this one is never imported.
SPARK_EXPORT void* PyInit__kernels() { return nullptr; }
