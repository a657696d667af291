// Takes the place of GroupQueryAttention where queries, keys and values come together and are turned here, and the cache
// that goes in is the one that comes out.
#include <algorithm>
#include <cstring>
#include <vector>

#include "attention.h"
#include "operator_tools.h"
#include "operators.h"

namespace {

enum Input { kQuery, kKey, kValue, kPastKey, kPastValue, kLast, kLongest, kCosines, kSines, kCounts, kInputs };
constexpr size_t kAllInputs = 12;  // the others must be left out

// Neighbouring tokens of one sequence.
struct Stretch {
  size_t row;             // of the cache
  size_t first, tokens;   // where they stand among all tokens
  size_t before;          // positions of the cache before them
};

class Kernel {
 public:
  Kernel(ort::Api api, size_t heads, size_t kv_heads, float scale, bool interleaved)
      : api_(api), heads_(heads), kv_heads_(kv_heads), scale_(scale), interleaved_(interleaved) {}

  ort::Status* compute(ort::Context* context) const {
    const ort::Value* in[kAllInputs] = {};
    if (auto failed = ort::inputs_of(api_, context, in, kAllInputs)) return failed;
    for (size_t i = 0; i < kAllInputs; i++)
      if (i != kCounts && (i == kKey || i == kValue || i >= kInputs) == (in[i] != nullptr))
        return fail("inputs it does not know");
    std::vector<int64_t> query, past, angles;
    if (auto failed = ort::shape_of(api_, in[kQuery], query)) return failed;
    if (auto failed = ort::shape_of(api_, in[kPastKey], past)) return failed;
    if (auto failed = ort::shape_of(api_, in[kCosines], angles)) return failed;
    if (query.size() != 3 || past.size() != 4 || angles.size() != 2) return fail("shapes");
    const size_t size = static_cast<size_t>(past[3]), width = (heads_ + 2 * kv_heads_) * size;
    if (query[2] != static_cast<int64_t>(width)) return fail("shapes");
    if (angles[1] * 2 > past[3] || !ort::has(api_, in[kSines], static_cast<size_t>(angles[0] * angles[1])))
      return fail("angles");
    if (!ort::has(api_, in[kPastValue], static_cast<size_t>(past[0] * past[1] * past[2] * past[3])) ||
        past[1] != static_cast<int64_t>(kv_heads_) || !attention::is_supported(size))
      return fail("its cache");
    if (!ort::has(api_, in[kLast], static_cast<size_t>(past[0])) || !ort::has(api_, in[kLongest], 1)) return fail("lengths");
    const auto* longest = ort::data_of<const int32_t>(api_, in[kLongest]);
    const size_t given = static_cast<size_t>(past[2]);
    past[2] = std::max<int64_t>(past[2], *longest);
    Step step{{heads_, kv_heads_, size}, static_cast<size_t>(past[0]), static_cast<size_t>(past[2]),
              static_cast<size_t>(angles[1]), static_cast<size_t>(query[0] * query[1]), {}};
    if (!find_stretches(in, query, std::min(past[2], angles[0]), step)) return fail("positions");
    ort::Value* out[3] = {};
    const int64_t told[] = {query[0], query[1], static_cast<int64_t>(heads_ * size)};
    if (auto failed = api_.output(context, 0, told, 3, &out[0])) return failed;
    for (size_t i : {1, 2})
      if (auto failed = api_.output(context, i, past.data(), 4, &out[i])) return failed;
    float* caches[] = {ort::data_of<float>(api_, out[1]), ort::data_of<float>(api_, out[2])};
    keep(in, caches, step, given);
    return attend(context, step, in, caches, ort::data_of<float>(api_, out[0]));
  }

  const ort::Api& api() const { return api_; }

 private:
  struct Step {
    attention::Shape shape;
    size_t rows, pitch, half;  // of the caches; their positions; numbers of a head that are turned with as many others
    size_t tokens;
    std::vector<Stretch> stretches;
  };

  ort::Status* fail(const char* what) const { return api_.create_status(ort::kFail, what); }

  // Which tokens are whose: as many of each row of the batch; or, where there are `counts`, so many of each row of the
  // cache in one line. Whether they all stand before `end`.
  bool find_stretches(const ort::Value* const* in, const std::vector<int64_t>& query, int64_t end, Step& step) const {
    std::vector<int64_t> shape;
    if (in[kCounts] && (ort::shape_of(api_, in[kCounts], shape) || shape.size() != 1)) return false;
    const bool is_line = in[kCounts] && shape[0] > 0;
    const auto* counts = is_line ? ort::data_of<const int64_t>(api_, in[kCounts]) : nullptr;
    const auto rows = static_cast<int64_t>(step.rows);
    if (is_line ? query[0] != 1 || shape[0] != rows : query[0] != rows) return false;
    const auto* last = ort::data_of<const int32_t>(api_, in[kLast]);
    int64_t found = 0;
    for (int64_t row = 0; row < rows; row++) {
      const int64_t count = is_line ? counts[row] : query[1], before = int64_t{last[row]} + 1 - count;
      if (count < 0 || count > query[0] * query[1] - found) return false;
      if (count == 0) continue;
      if (before < 0 || last[row] >= end) return false;
      step.stretches.push_back({static_cast<size_t>(row), static_cast<size_t>(found), static_cast<size_t>(count),
                                static_cast<size_t>(before)});
      found += count;
    }
    return found == query[0] * query[1];
  }

  // A cache of `given` positions that comes out elsewhere than it went in is copied there.
  void keep(const ort::Value* const* in, float* const* caches, const Step& step, size_t given) const {
    const size_t size = step.shape.size;
    for (size_t i : {0, 1}) {
      const auto* from = ort::data_of<const float>(api_, in[kPastKey + i]);
      for (size_t h = 0; from != caches[i] && h < step.rows * step.shape.kv_heads; h++)
        std::memcpy(caches[i] + h * step.pitch * size, from + h * given * size, given * size * sizeof(float));
    }
  }

  ort::Status* attend(ort::Context* context, const Step& step, const ort::Value* const* in, float* const* caches,
                      float* out) const {
    static thread_local std::vector<float> scratch;
    const size_t queries = step.shape.heads * step.shape.size;
    if (scratch.size() < step.tokens * queries) scratch.resize(step.tokens * queries);
    float* turned = scratch.data();
    const auto* source = ort::data_of<const float>(api_, in[kQuery]);
    const float* angles[] = {ort::data_of<const float>(api_, in[kCosines]), ort::data_of<const float>(api_, in[kSines])};
    if (auto failed = ort::share_out(api_, context, step.tokens, step.tokens < 4 ? 1 : 8, [&](size_t first, size_t end) {
          for (const Stretch& each : step.stretches)
            for (size_t i = std::max(first, each.first); i < std::min(end, each.first + each.tokens); i++)
              take_in(step, each, i, source, angles, turned, caches);
        }))
      return failed;
    std::vector<Task> tasks;
    for (const Stretch& each : step.stretches)
      for (size_t begin = 0; begin < each.tokens; begin += attention::kMostTokens)
        for (size_t head = 0; head < step.shape.kv_heads; head++) tasks.push_back({&each, head, begin});
    const auto seen = [](const Task& task) { return task.stretch->before + task.begin; };
    std::stable_sort(tasks.begin(), tasks.end(), [&](const Task& a, const Task& b) { return seen(a) > seen(b); });
    return ort::share_out(api_, context, tasks.size(), tasks.size(), [&](size_t first, size_t end) {
      for (size_t i = first; i < end; i++) {
        const Stretch& each = *tasks[i].stretch;
        const size_t at = each.first * queries, cache = each.row * step.shape.kv_heads * step.pitch * step.shape.size;
        const attention::Sequence one{turned + at, caches[0] + cache, caches[1] + cache, out + at, step.pitch, each.before};
        const size_t begin = tasks[i].begin;
        attention::attend(step.shape, one, tasks[i].head, begin, std::min(each.tokens, begin + attention::kMostTokens));
      }
    });
  }

  // Tokens of a stretch from `begin` on, for one head of the cache.
  struct Task {
    const Stretch* stretch;
    size_t head, begin;
  };

  // Turn the queries of token `i`, and put its keys, turned, and values into the cache.
  void take_in(const Step& step, const Stretch& stretch, size_t i, const float* source, const float* const* angles,
               float* turned, float* const* caches) const {
    const attention::Shape& shape = step.shape;
    const size_t size = shape.size, kv = shape.kv_heads, queries = shape.heads * size;
    const size_t position = stretch.before + i - stretch.first;
    const float *from = source + i * (queries + 2 * kv * size), *c = angles[0] + position * step.half,
                *s = angles[1] + position * step.half;
    for (size_t h = 0; h < shape.heads; h++)
      turn(from + h * size, turned + i * queries + h * size, c, s, step, scale_);
    for (size_t h = 0; h < kv; h++) {
      const size_t at = ((stretch.row * kv + h) * step.pitch + position) * size;
      const float* key = from + queries + h * size;
      turn(key, caches[0] + at, c, s, step, 1.0f);
      std::memcpy(caches[1] + at, key + kv * size, size * sizeof(float));
    }
  }

  void turn(const float* from, float* to, const float* cosines, const float* sines, const Step& step, float scale) const {
    if (interleaved_)
      attention::turn_pairs(from, to, cosines, sines, step.half, step.shape.size, scale);
    else
      attention::turn(from, to, cosines, sines, step.half, step.shape.size, scale);
  }

  ort::Api api_;
  size_t heads_, kv_heads_;
  float scale_;
  bool interleaved_;
};

ort::Status* SPARK_CALL create(const ort::Operator*, ort::Table table, const ort::KernelInfo* info, void** kernel) {
  const ort::Api api(table);
  int64_t heads = 0, kv_heads = 0;
  float scale = 0;
  if (auto failed = api.attribute(info, "num_heads", &heads)) return failed;
  if (auto failed = api.attribute(info, "kv_num_heads", &kv_heads)) return failed;
  if (auto failed = api.number(info, "scale", &scale)) return failed;
  if (heads <= 0 || kv_heads <= 0 || heads % kv_heads || scale <= 0) return api.create_status(ort::kFail, "its heads");
  if (!attention::is_supported(64)) return api.create_status(ort::kFail, "this processor lacks AVX2");
  const bool interleaved = ort::attribute_or(api, info, "rotary_interleaved", 0) != 0;
  *kernel = new Kernel(api, static_cast<size_t>(heads), static_cast<size_t>(kv_heads), scale, interleaved);
  return nullptr;
}

ort::Operator make_operator() {
  ort::Operator op = ort::operator_of<Kernel>();
  op.name = [](const ort::Operator*) -> const char* { return "GroupQueryAttention"; };
  op.input_types = [](const ort::Operator*) -> size_t { return kAllInputs; };
  op.input_type = [](const ort::Operator*, size_t i) -> int {
    return i == kLast || i == kLongest ? ort::kInt32 : i == kCounts ? ort::kInt64 : ort::kFloat;
  };
  op.input_characteristic = [](const ort::Operator*, size_t i) -> int {
    return i == kKey || i == kValue || i >= kCounts ? ort::kOptional : ort::kRequired;
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
