// What the library's operators share: data and shapes of values, work for onnxruntime's threads.
#pragma once
#include <algorithm>
#include <exception>
#include <vector>

#include "ort_interface.h"

namespace ort {

template <typename T>
T* data_of(const Api& api, const Value* value) {
  void* told = nullptr;
  Status* failed = value ? api.data(const_cast<Value*>(value), &told) : nullptr;
  return failed ? nullptr : static_cast<T*>(told);
}

inline Status* shape_of(const Api& api, const Value* value, std::vector<int64_t>& shape) {
  Shape* told = nullptr;
  if (auto failed = api.shape_of(value, &told)) return failed;
  size_t count = 0;
  Status* failed = api.dimension_count(told, &count);
  shape.resize(count);
  if (!failed) failed = api.dimensions(told, shape.data(), count);
  api.release_shape(told);
  return failed;
}

// A whole number of an operator's description, or what it is where it is not told.
inline int64_t attribute_or(const Api& api, const KernelInfo* info, const char* name, int64_t otherwise) {
  int64_t told = otherwise;
  if (auto missing = api.attribute(info, name, &told)) {
    api.release_status(missing);
    return otherwise;
  }
  return told;
}

// Whether a value has so many numbers, no more and no fewer: files may say anything.
inline bool has(const Api& api, const Value* value, size_t count) {
  std::vector<int64_t> shape;
  if (shape_of(api, value, shape)) return false;
  size_t told = 1;
  for (int64_t size : shape) told *= static_cast<size_t>(size);
  return told == count;
}

// The values that an operator reads; null for those that are left out.
inline Status* inputs_of(const Api& api, const Context* context, const Value** in, size_t most) {
  size_t given = 0;
  if (auto failed = api.input_count(context, &given)) return failed;
  for (size_t i = 0; i < std::min(given, most); i++)
    if (auto failed = api.input(context, i, &in[i])) return failed;
  return nullptr;
}

// Calls `work(first, last)` for shares of `total`, on onnxruntime's own threads.
template <typename Work>
Status* share_out(const Api& api, const Context* context, size_t total, size_t tasks, Work work) {
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

// What `work` says, or why it failed: no exception may leave the library.
template <typename Work>
Status* guarded(const Api& api, Work work) noexcept {
  try {
    return work();
  } catch (const std::exception& error) {
    return api.create_status(kFail, error.what());
  }
}

// What every operator here says of itself: on the processor, any version, computed and destroyed by its own `Kernel`.
template <typename Kernel>
Operator operator_of() {
  Operator op{};
  op.version = kVersion;
  op.provider = [](const Operator*) -> const char* { return nullptr; };
  op.output_characteristic = [](const Operator*, size_t) -> int { return kRequired; };
  op.output_type = [](const Operator*, size_t) -> int { return kFloat; };
  op.input_memory = [](const Operator*, size_t) -> int { return 0; };
  op.least_inputs = op.least_outputs = [](const Operator*) -> int { return 1; };
  op.like_inputs = op.like_outputs = [](const Operator*) -> int { return 1; };
  op.first_version = [](const Operator*) -> int { return 1; };
  op.last_version = [](const Operator*) -> int { return 0x7fffffff; };
  op.destroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  op.compute = [](void* kernel, Context* context) -> Status* {
    auto* own = static_cast<Kernel*>(kernel);
    return guarded(own->api(), [&] { return own->compute(context); });
  };
  return op;
}

}  // namespace ort
