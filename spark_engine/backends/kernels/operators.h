// The library's operators, as onnxruntime wants them described.
#pragma once
#include "ort_interface.h"

const ort::Operator* int4_operator();
const ort::Operator* attention_operator();
const ort::Operator* product_operator();
const ort::Operator* table_operator();
