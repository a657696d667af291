// The few functions of onnxruntime's C interface that an operator needs, by their places in its table of functions.
//
// The table only ever grows at its end (onnxruntime_c_api.h: "must not be re-ordered"), so a place once given stays.
// This header stands in for onnxruntime's own, which no package of Python's index carries.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(_WIN32)
#define SPARK_CALL __stdcall
#define SPARK_EXPORT extern "C" __declspec(dllexport)
#else
#define SPARK_CALL
#define SPARK_EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace ort {

constexpr uint32_t kVersion = 17;  // the first with KernelContext_ParallelFor
constexpr int kFail = 1;
enum ElementType { kFloat = 1, kUint8 = 2, kInt32 = 6, kInt64 = 7 };
enum Characteristic { kRequired = 0, kOptional = 1 };

struct Status;
struct Value;
struct Shape;
struct Context;
struct KernelInfo;
struct SessionOptions;
struct Domain;
struct Operator;

using Table = void* const*;

struct Base {
  Table(SPARK_CALL* get_api)(uint32_t version);
  const char*(SPARK_CALL* get_version)();
};

template <typename Function>
Function at(Table table, size_t place) {
  return reinterpret_cast<Function>(table[place]);
}

struct Api {
  explicit Api(Table table)
      : create_status(at<decltype(create_status)>(table, 0)),
        create_domain(at<decltype(create_domain)>(table, 26)),
        add_operator(at<decltype(add_operator)>(table, 27)),
        add_domain(at<decltype(add_domain)>(table, 28)),
        data(at<decltype(data)>(table, 51)),
        dimension_count(at<decltype(dimension_count)>(table, 61)),
        dimensions(at<decltype(dimensions)>(table, 62)),
        shape_of(at<decltype(shape_of)>(table, 65)),
        number(at<decltype(number)>(table, 85)),
        attribute(at<decltype(attribute)>(table, 86)),
        input_count(at<decltype(input_count)>(table, 88)),
        input(at<decltype(input)>(table, 90)),
        output(at<decltype(output)>(table, 91)),
        release_status(at<decltype(release_status)>(table, 93)),
        release_shape(at<decltype(release_shape)>(table, 99)),
        parallel_for(at<decltype(parallel_for)>(table, 274)) {}

  Status*(SPARK_CALL* create_status)(int code, const char* message);
  Status*(SPARK_CALL* create_domain)(const char* name, Domain** out);
  Status*(SPARK_CALL* add_operator)(Domain* domain, const Operator* op);
  Status*(SPARK_CALL* add_domain)(SessionOptions* options, Domain* domain);
  Status*(SPARK_CALL* data)(Value* value, void** out);
  Status*(SPARK_CALL* dimension_count)(const Shape* shape, size_t* out);
  Status*(SPARK_CALL* dimensions)(const Shape* shape, int64_t* out, size_t count);
  Status*(SPARK_CALL* shape_of)(const Value* value, Shape** out);
  Status*(SPARK_CALL* number)(const KernelInfo* info, const char* name, float* out);
  Status*(SPARK_CALL* attribute)(const KernelInfo* info, const char* name, int64_t* out);
  Status*(SPARK_CALL* input_count)(const Context* context, size_t* out);
  Status*(SPARK_CALL* input)(const Context* context, size_t index, const Value** out);
  Status*(SPARK_CALL* output)(Context* context, size_t index, const int64_t* dimensions, size_t count, Value** out);
  void(SPARK_CALL* release_status)(Status* status);
  void(SPARK_CALL* release_shape)(Shape* shape);
  Status*(SPARK_CALL* parallel_for)(const Context* context, void(SPARK_CALL* work)(void*, size_t), size_t total,
                                    size_t batches, void* data);
};

// What describes an operator to onnxruntime (OrtCustomOp), as of version 17.
struct Operator {
  uint32_t version;
  void*(SPARK_CALL* create_kernel_1)(const Operator*, Table, const KernelInfo*);
  const char*(SPARK_CALL* name)(const Operator*);
  const char*(SPARK_CALL* provider)(const Operator*);
  int(SPARK_CALL* input_type)(const Operator*, size_t index);
  size_t(SPARK_CALL* input_types)(const Operator*);
  int(SPARK_CALL* output_type)(const Operator*, size_t index);
  size_t(SPARK_CALL* output_types)(const Operator*);
  void(SPARK_CALL* compute_1)(void* kernel, Context*);
  void(SPARK_CALL* destroy)(void* kernel);
  int(SPARK_CALL* input_characteristic)(const Operator*, size_t index);
  int(SPARK_CALL* output_characteristic)(const Operator*, size_t index);
  int(SPARK_CALL* input_memory)(const Operator*, size_t index);
  int(SPARK_CALL* least_inputs)(const Operator*);
  int(SPARK_CALL* like_inputs)(const Operator*);
  int(SPARK_CALL* least_outputs)(const Operator*);
  int(SPARK_CALL* like_outputs)(const Operator*);
  Status*(SPARK_CALL* create_kernel)(const Operator*, Table, const KernelInfo*, void** kernel);
  Status*(SPARK_CALL* compute)(void* kernel, Context*);
  Status*(SPARK_CALL* infer_shape)(const Operator*, void* context);
  int(SPARK_CALL* first_version)(const Operator*);
  int(SPARK_CALL* last_version)(const Operator*);
  void* later[8];  // fields of newer versions, which it does not read
};

}  // namespace ort
