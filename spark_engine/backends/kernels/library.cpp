// What onnxruntime calls when it loads the library.
#include "int4_matrix.h"
#include "operators.h"

// By this name: SessionOptions.register_custom_ops_library.
SPARK_EXPORT ort::Status* SPARK_CALL RegisterCustomOps(ort::SessionOptions* options, const ort::Base* base) {
  const ort::Table table = base->get_api(ort::kVersion);
  if (!table) return nullptr;  // older than the interface used here: its own error about the operators is clear
  const ort::Api api(table);
  if (!int4::is_supported()) return api.create_status(ort::kFail, "this processor lacks AVX2");
  ort::Domain* domain = nullptr;  // lives as long as the process, as the operators do
  if (auto failed = api.create_domain("spark.kernels", &domain)) return failed;
  for (const ort::Operator* op : {int4_operator(), attention_operator(), product_operator(), table_operator()})
    if (auto failed = api.add_operator(domain, op)) return failed;
  return api.add_domain(options, domain);
}

// What a Python extension must have; this one is never imported.
SPARK_EXPORT void* PyInit__kernels() { return nullptr; }
