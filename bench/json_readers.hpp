// Two well-known JSON parsers, reading every name, dtype, shape and offset of a safetensors header.
// They see that it is JSON; that it describes a file, they do not ask.
#ifndef AKA_BENCH_JSON_READERS_HPP
#define AKA_BENCH_JSON_READERS_HPP

#include <cstdint>
#include <string_view>

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <simdjson.h>

#include "floors.hpp"

namespace bench {

// ---- safetensors: simdjson ---------------------------------------------------------------------

/// A parser of its own for each header, as one who opens a file has.
inline bool read_with_simdjson(simdjson::padded_string_view json, tally& t) {
    simdjson::ondemand::parser parser;
    simdjson::ondemand::document document;
    simdjson::ondemand::object all;
    if (parser.iterate(json).get(document) || document.get_object().get(all)) return false;
    for (auto member : all) {
        std::string_view name, dtype;
        simdjson::ondemand::object entry;
        if (member.unescaped_key().get(name)) return false;
        if (name == "__metadata__") continue;
        t.name(name);
        if (member.value().get_object().get(entry)) return false;
        if (entry["dtype"].get_string().get(dtype)) return false;
        t.dtype(dtype);
        simdjson::ondemand::array shape, offsets;
        std::uint64_t i = 0, n = 0, range[2] = {};
        if (entry["shape"].get_array().get(shape)) return false;
        for (auto size : shape) {
            if (size.get_uint64().get(n)) return false;
            t.dim(i++, n);
        }
        i = 0;
        if (entry["data_offsets"].get_array().get(offsets)) return false;
        for (auto offset : offsets)
            if (i == 2 || offset.get_uint64().get(range[i++])) return false;
        t.range(range[0], range[1]);
    }
    return true;
}

// ---- safetensors: RapidJSON --------------------------------------------------------------------

class rapidjson_handler
    : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, rapidjson_handler> {
  public:
    explicit rapidjson_handler(tally& t) : tally_(t) {}

    bool StartObject() { return ++depth_ <= 2; }
    bool EndObject(rapidjson::SizeType) { return --depth_ >= 0; }
    bool StartArray() { return i_ = 0, true; }
    bool EndArray(rapidjson::SizeType) {
        if (field_ == 'd') tally_.range(range_[0], range_[1]);
        return true;
    }
    bool Key(const char* s, rapidjson::SizeType n, bool) {
        std::string_view key(s, n);
        if (depth_ == 1) {
            metadata_ = key == "__metadata__";
            if (!metadata_) tally_.name(key);
        } else {
            field_ = key == "dtype"          ? 't'
                     : key == "shape"        ? 's'
                     : key == "data_offsets" ? 'd'
                                             : ' ';
        }
        return true;
    }
    bool String(const char* s, rapidjson::SizeType n, bool) {
        if (!metadata_) tally_.text({s, n});
        return true;
    }
    bool Uint(unsigned n) { return Uint64(n); }
    bool Uint64(std::uint64_t n) {
        if (field_ == 's')
            tally_.dim(i_++, n);
        else if (i_ < 2)
            range_[i_++] = n;
        return true;
    }

  private:
    tally& tally_;
    int depth_ = 0;
    char field_ = ' ';
    bool metadata_ = false;
    std::uint64_t i_ = 0, range_[2] = {};
};
inline bool read_with_rapidjson(std::string_view json, tally& t) {
    rapidjson_handler handler(t);
    rapidjson::MemoryStream stream(json.data(), json.size());
    rapidjson::Reader reader;
    return static_cast<bool>(reader.Parse(stream, handler));
}

}  // namespace bench

#endif  // AKA_BENCH_JSON_READERS_HPP
