// JSON for structs whose members are named in a table: what is told to callers of encode and decode functions.
//
// A layer that speaks JSON declares plain functions in its headers (`std::string encode(const Node&)`,
// `Result<Node, json::Error> decode_node(Bytes)`) and defines them in one .cc file over json/codec.h, so that the
// templates are compiled once. RFC 8259, with Go's habits (encoding/json), because the peers of this project are
// written in Go.
//
// Writing: zero values are left out unless the member says otherwise. std::optional is left out when empty, and written
// even if it holds a zero value. Nested structs are always written. Texts that are not UTF-8 get U+FFFD where they
// break the rules; characters that could act on a page or a terminal are escaped.
//
// Reading: unknown members are skipped; a missing or null member leaves the default; a wrong type is an error that
// names its place. Names are matched exactly. Integers are exact or refused; other numbers may be off by their last
// digits. Invalid UTF-8 is refused.
#pragma once

#include <cstddef>
#include <string>

namespace quoin::json {

// What the reader accepts at most. A list of empty objects is short as text and long as structs, so what the elements
// of lists and maps take is bounded by itself. Memory while reading: about bytes_max + 48 * values_max +
// decoded_bytes_max.
struct Limits {
  std::size_t bytes_max;
  std::size_t values_max;                            // scalars, arrays and objects together
  std::size_t depth_max = 32;                        // of arrays and objects
  std::size_t decoded_bytes_max = 16 * 1024 * 1024;  // of list and map elements, without their texts
};

enum class ErrorKind {
  too_long,      // more than bytes_max
  too_many,      // more than values_max values, or decoded_bytes_max of elements
  too_deep,      // more than depth_max levels
  malformed,     // not JSON, or not UTF-8
  wrong_type,    // say, a text where a number belongs
  out_of_range,  // a number that the member cannot hold
  bad_text,      // a text that is not what the member is (an address, a key, a word of a list)
};

struct Error {
  ErrorKind kind;
  std::string path;  // "Peers[3].Key"; empty where the whole text is meant. Member names of ours only, never input.
};

std::string text(const Error& error);  // "wrong type at Peers[3].Key"

}  // namespace quoin::json
