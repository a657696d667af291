// Takes the place of GroupQueryAttention where queries, keys and values come together and are turned here, and the cache
// that goes in is the one that comes out.
#include <cstring>
#include <vector>

#include "attention.h"
#include "operator_tools.h"
#include "operators.h"

namespace {

constexpr size_t kTokens = 16;  // of a task: the cache's blocks stay near while they pass
constexpr size_t kShares = 16;
enum Input { kQuery, kKey, kValue, kPastKey, kPastValue, kLast, kLongest, kCosines, kSines, kInputs, kPositions = kInputs };
constexpr size_t kAllInputs = 12;  // the others must be left out

class Kernel {
 public:
  Kernel(ort::Api api, size_t heads, size_t kv_heads, float scale)
      : api_(api), heads_(heads), kv_heads_(kv_heads), scale_(scale) {}

  ort::Status* compute(ort::Context* context) const {
    const ort::Value* in[kAllInputs] = {};
    if (auto failed = ort::inputs_of(api_, context, in, kAllInputs)) return failed;
    for (size_t i = 0; i < kAllInputs; i++)
      if ((i == kKey || i == kValue || i >= kInputs) == (in[i] != nullptr)) return fail("inputs it does not know");
    std::vector<int64_t> query, past, angles;
    if (auto failed = ort::shape_of(api_, in[kQuery], query)) return failed;
    if (auto failed = ort::shape_of(api_, in[kPastKey], past)) return failed;
    if (auto failed = ort::shape_of(api_, in[kCosines], angles)) return failed;
    if (query.size() != 3 || past.size() != 4 || angles.size() != 2 || past[0] != query[0]) return fail("shapes");
    const size_t size = static_cast<size_t>(past[3]), rows = heads_ + 2 * kv_heads_;
    if (query[2] != static_cast<int64_t>(rows * size)) return fail("shapes");
    if (angles[1] * 2 > past[3] || !ort::has(api_, in[kSines], static_cast<size_t>(angles[0] * angles[1])))
      return fail("angles");
    if (!ort::has(api_, in[kPastValue], static_cast<size_t>(past[0] * past[1] * past[2] * past[3])) ||
        past[1] != static_cast<int64_t>(kv_heads_) || !attention::is_supported(static_cast<size_t>(past[3])))
      return fail("its cache");
    if (!ort::has(api_, in[kLast], static_cast<size_t>(query[0])) || !ort::has(api_, in[kLongest], 1)) return fail("lengths");
    const auto* longest = ort::data_of<const int32_t>(api_, in[kLongest]);
    const size_t given = static_cast<size_t>(past[2]);
    past[2] = std::max<int64_t>(past[2], *longest);
    const Step step{{heads_, kv_heads_, size}, static_cast<size_t>(query[0]), static_cast<size_t>(query[1]),
                    static_cast<size_t>(past[2]), static_cast<size_t>(angles[1])};
    ort::Value* out[3] = {};
    const int64_t told[] = {query[0], query[1], static_cast<int64_t>(heads_ * size)};
    if (auto failed = api_.output(context, 0, told, 3, &out[0])) return failed;
    for (size_t i : {1, 2})
      if (auto failed = api_.output(context, i, past.data(), 4, &out[i])) return failed;
    float* caches[] = {ort::data_of<float>(api_, out[1]), ort::data_of<float>(api_, out[2])};
    keep(in, caches, step, given);
    const auto* last = ort::data_of<const int32_t>(api_, in[kLast]);
    for (size_t b = 0; b < step.batch; b++)
      if (last[b] + 1 < query[1] || last[b] >= past[2] || last[b] >= angles[0]) return fail("positions");
    return attend(context, step, in, last, caches, ort::data_of<float>(api_, out[0]));
  }

  const ort::Api& api() const { return api_; }

 private:
  struct Step {
    attention::Shape shape;
    size_t batch, tokens;  // tokens of each row of the batch
    size_t pitch, half;    // positions of a cache; numbers of a head that are turned with as many others
  };

  ort::Status* fail(const char* what) const { return api_.create_status(ort::kFail, what); }

  // A cache of `given` positions that comes out elsewhere than it went in is copied there.
  void keep(const ort::Value* const* in, float* const* caches, const Step& step, size_t given) const {
    const size_t size = step.shape.size;
    for (size_t i : {0, 1}) {
      const auto* from = ort::data_of<const float>(api_, in[kPastKey + i]);
      for (size_t h = 0; from != caches[i] && h < step.batch * step.shape.kv_heads; h++)
        std::memcpy(caches[i] + h * step.pitch * size, from + h * given * size, given * size * sizeof(float));
    }
  }

  ort::Status* attend(ort::Context* context, const Step& step, const ort::Value* const* in, const int32_t* last,
                      float* const* caches, float* out) const {
    static thread_local std::vector<float> scratch;
    const attention::Shape& shape = step.shape;
    const size_t size = shape.size, queries = shape.heads * size, kv = shape.kv_heads;
    if (scratch.size() < step.batch * step.tokens * queries) scratch.resize(step.batch * step.tokens * queries);
    float* turned = scratch.data();
    const auto* source = ort::data_of<const float>(api_, in[kQuery]);
    const auto* cosines = ort::data_of<const float>(api_, in[kCosines]);
    const auto* sines = ort::data_of<const float>(api_, in[kSines]);
    const auto before = [&](size_t b) { return static_cast<size_t>(last[b]) + 1 - step.tokens; };
    const auto cache_of = [&](size_t which, size_t b) { return caches[which] + b * kv * step.pitch * size; };
    const size_t total = step.batch * step.tokens;
    if (auto failed = ort::share_out(api_, context, total, total < 4 ? 1 : 8, [&](size_t first, size_t end) {
          for (size_t i = first; i < end; i++) {
            const size_t b = i / step.tokens, position = before(b) + i % step.tokens;
            const float *from = source + i * (queries + 2 * kv * size), *c = cosines + position * step.half,
                        *s = sines + position * step.half;
            for (size_t h = 0; h < shape.heads; h++)
              attention::turn(from + h * size, turned + i * queries + h * size, c, s, step.half, size, scale_);
            for (size_t h = 0; h < kv; h++) {
              const size_t at = (h * step.pitch + position) * size;
              const float* key = from + queries + h * size;
              attention::turn(key, cache_of(0, b) + at, c, s, step.half, size, 1.0f);
              std::memcpy(cache_of(1, b) + at, key + kv * size, size * sizeof(float));
            }
          }
        }))
      return failed;
    const size_t pieces = (step.tokens + kTokens - 1) / kTokens, tasks = step.batch * kv * pieces;
    return ort::share_out(api_, context, tasks, kShares, [&](size_t first, size_t end) {
      for (size_t task = end; task-- > first;) {  // the longest first
        const size_t piece = task / (step.batch * kv), b = task % step.batch, head = task / step.batch % kv;
        const size_t at = b * step.tokens * queries;
        const attention::Sequence one{turned + at, cache_of(0, b), cache_of(1, b), out + at, step.pitch, before(b)};
        attention::attend(shape, one, head, piece * kTokens, std::min(step.tokens, (piece + 1) * kTokens));
      }
    });
  }

  ort::Api api_;
  size_t heads_, kv_heads_;
  float scale_;
};

ort::Status* SPARK_CALL create(const ort::Operator*, ort::Table table, const ort::KernelInfo* info, void** kernel) {
  const ort::Api api(table);
  int64_t heads = 0, kv_heads = 0;
  float scale = 0;
  if (auto failed = api.attribute(info, "num_heads", &heads)) return failed;
  if (auto failed = api.attribute(info, "kv_num_heads", &kv_heads)) return failed;
  if (auto failed = api.number(info, "scale", &scale)) return failed;
  if (heads <= 0 || kv_heads <= 0 || heads % kv_heads || scale <= 0) return api.create_status(ort::kFail, "its heads");
  if (!attention::is_supported(64)) return api.create_status(ort::kFail, "this processor lacks AVX-512");
  *kernel = new Kernel(api, static_cast<size_t>(heads), static_cast<size_t>(kv_heads), scale);
  return nullptr;
}

ort::Operator make_operator() {
  ort::Operator op = ort::operator_of<Kernel>();
  op.name = [](const ort::Operator*) -> const char* { return "GroupQueryAttention"; };
  op.input_types = [](const ort::Operator*) -> size_t { return kAllInputs; };
  op.input_type = [](const ort::Operator*, size_t i) -> int {
    return i == kLast || i == kLongest ? ort::kInt32 : i == kPositions ? ort::kInt64 : ort::kFloat;
  };
  op.input_characteristic = [](const ort::Operator*, size_t i) -> int {
    return i == kKey || i == kValue || i >= kInputs ? ort::kOptional : ort::kRequired;
  };
  op.output_types = [](const ort::Operator*) -> size_t { return 3; };
  op.create_kernel = create;
  return op;
}

}  // namespace

const ort::Operator* attention_operator() {
  static const ort::Operator op = make_operator();
  return &op;
}
