#include "control/http2.h"

#include <deque>

#include <gtest/gtest.h>

namespace quoin::control {
namespace {

// Client and server over two in-memory pipes that cut the bytes into pieces of a given size.
class Http2Test : public ::testing::TestWithParam<std::size_t> {
 protected:
  void run() {
    for (bool moved = true; moved;) {
      Buffer up, down;
      client.transmit(up, 100'000);
      server.transmit(down, 100'000);
      moved = !up.empty() || !down.empty();
      in_pieces(up, [&](Bytes piece) { server.handle_bytes(piece); });
      in_pieces(down, [&](Bytes piece) { client.handle_bytes(piece); });
      while (auto event = client.poll_event()) {
        if (const auto* data = std::get_if<ResponseData>(&*event)) append(bodies[data->stream], data->bytes);
        answers.push_back(*std::move(event));
      }
      while (auto event = server.poll_event()) requests.push_back(*std::move(event));
    }
  }
  template <class Take>
  void in_pieces(Bytes bytes, Take take) {
    for (std::size_t at = 0; at < bytes.size(); at += piece_bytes) {
      take(bytes.subspan(at, std::min(piece_bytes, bytes.size() - at)));
    }
  }
  template <class T>
  std::optional<T> answer(StreamId stream) const {
    for (const auto& event : answers) {
      if (const auto* found = std::get_if<T>(&event)) {
        if (found->stream == stream) return *found;
      }
    }
    return std::nullopt;
  }
  const RequestReceived& request(std::size_t index) const { return std::get<RequestReceived>(requests.at(index)); }

  std::size_t piece_bytes = GetParam();
  Http2Client client{"control.example"};
  Http2Server server{1000};
  std::deque<Http2ClientEvent> answers;
  std::deque<Http2ServerEvent> requests;
  std::map<StreamId, Buffer> bodies;
};

TEST_P(Http2Test, carries_a_request_and_its_answer) {
  const auto stream = client.submit("POST", "/machine/register", bytes_of("{\"a\":1}"));
  run();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(request(0).method, "POST");
  EXPECT_EQ(request(0).path, "/machine/register");
  EXPECT_EQ(text_of(request(0).body), "{\"a\":1}");
  server.respond(request(0).stream, 429, bytes_of("later"), {{"retry-after", "7"}});
  run();
  EXPECT_EQ(answer<ResponseBegun>(*stream)->status, 429);
  EXPECT_EQ(answer<ResponseBegun>(*stream)->retry_after, "7");
  EXPECT_EQ(text_of(bodies[*stream]), "later");
  EXPECT_EQ(answer<ResponseEnded>(*stream)->how, Ending::complete);
}

TEST_P(Http2Test, carries_a_long_response_piece_by_piece_beside_short_ones) {
  const auto map = client.submit("POST", "/machine/map", bytes_of("{}"));
  run();
  server.begin_response(request(0).stream, 200);
  for (int i = 0; i < 3; i++) {
    ASSERT_TRUE(server.send(request(0).stream, bytes_of("piece" + std::to_string(i) + ";")));
    const auto lite = client.submit("POST", "/machine/map", bytes_of("{\"lite\":true}"));
    run();
    server.respond(request(requests.size() - 1).stream, 200, {});
    run();
    EXPECT_EQ(answer<ResponseEnded>(*lite)->how, Ending::complete);
    EXPECT_FALSE(answer<ResponseEnded>(*map).has_value());
  }
  EXPECT_EQ(text_of(bodies[*map]), "piece0;piece1;piece2;");
  server.finish(request(0).stream);
  run();
  EXPECT_EQ(answer<ResponseEnded>(*map)->how, Ending::complete);
}

TEST_P(Http2Test, does_not_stall_on_a_response_larger_than_every_window) {
  piece_bytes = std::max<std::size_t>(piece_bytes, 1000);
  const auto stream = client.submit("POST", "/big", {});
  run();
  server.begin_response(request(0).stream, 200);
  const Buffer piece(1'000'000, std::byte{'x'});
  constexpr std::size_t count = 20;
  for (std::size_t i = 0; i < count; i++) {
    ASSERT_TRUE(server.send(request(0).stream, piece));
    run();
  }
  server.finish(request(0).stream);
  run();
  EXPECT_EQ(bodies[*stream].size(), count * piece.size());
  EXPECT_EQ(answer<ResponseEnded>(*stream)->how, Ending::complete);
}

TEST_P(Http2Test, ends_every_open_request_when_the_connection_is_lost) {
  const auto first = client.submit("POST", "/a", {});
  run();
  const auto second = client.submit("POST", "/b", {});  // not even sent
  client.connection_lost();
  EXPECT_FALSE(client.alive());
  EXPECT_FALSE(client.submit("POST", "/c", {}).has_value());
  run();
  EXPECT_EQ(answer<ResponseEnded>(*first)->how, Ending::connection_lost);
  EXPECT_EQ(answer<ResponseEnded>(*second)->how, Ending::connection_lost);
}

TEST_P(Http2Test, says_nothing_more_of_a_cancelled_request_and_tells_the_server) {
  const auto stream = client.submit("POST", "/a", {});
  run();
  server.begin_response(request(0).stream, 200);
  server.send(request(0).stream, bytes_of("x"));
  client.cancel(*stream);
  run();
  EXPECT_TRUE(answers.empty());
  EXPECT_TRUE(std::holds_alternative<StreamEnded>(requests.at(1)));
  EXPECT_FALSE(server.send(1, bytes_of("y")));
}

TEST_P(Http2Test, tells_a_reset_from_a_whole_response) {
  const auto stream = client.submit("POST", "/a", {});
  run();
  server.begin_response(request(0).stream, 200);
  run();
  server.reset(request(0).stream);
  run();
  EXPECT_EQ(answer<ResponseEnded>(*stream)->how, Ending::reset);
  EXPECT_TRUE(client.alive());
}

TEST_P(Http2Test, takes_no_new_requests_after_goaway_and_finishes_the_old_ones) {
  const auto stream = client.submit("POST", "/a", {});
  run();
  server.go_away();
  run();
  EXPECT_FALSE(client.takes_requests());
  EXPECT_FALSE(client.submit("POST", "/b", {}).has_value());
  server.respond(request(0).stream, 200, bytes_of("done"));
  run();
  EXPECT_EQ(answer<ResponseEnded>(*stream)->how, Ending::complete);
}

TEST_P(Http2Test, ends_a_request_that_crossed_with_goaway) {
  run();
  server.go_away();
  Buffer down;
  server.transmit(down, 1000);
  const auto stream = client.submit("POST", "/a", {});  // queued, not yet sent
  client.handle_bytes(down);
  run();
  EXPECT_EQ(answer<ResponseEnded>(*stream)->how, Ending::reset);
}

TEST_P(Http2Test, answers_pings) {
  client.ping();
  run();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<Pong>(answers[0]));
}

TEST_P(Http2Test, refuses_requests_with_too_long_a_body) {
  const auto stream = client.submit("POST", "/a", Buffer(1001));
  run();
  EXPECT_TRUE(requests.empty());
  EXPECT_EQ(answer<ResponseEnded>(*stream)->how, Ending::reset);
}

TEST_P(Http2Test, ends_the_connection_over_too_many_headers) {
  const auto stream = client.submit("POST", "/a", {});
  run();
  std::vector<Http2Header> many(header_bytes_max / 32, {"x", "y"});
  server.respond(request(0).stream, 200, {}, many);
  run();
  EXPECT_FALSE(client.alive());
  EXPECT_EQ(answer<ResponseEnded>(*stream)->how, Ending::connection_lost);
}

TEST_P(Http2Test, dies_of_bytes_that_are_no_http2) {
  const auto stream = client.submit("POST", "/a", {});
  in_pieces(bytes_of("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n............................"),
            [&](Bytes piece) { client.handle_bytes(piece); });
  Buffer goaway;
  client.transmit(goaway, 1000);
  EXPECT_FALSE(client.alive());
  const ResponseEnded ended = std::get<ResponseEnded>(*client.poll_event());
  EXPECT_EQ(ended.stream, *stream);
  EXPECT_NE(ended.how, Ending::complete);
  EXPECT_FALSE(client.poll_event().has_value());
}

TEST_P(Http2Test, opens_no_more_than_its_maximum_of_requests) {
  for (std::size_t i = 0; i < client_streams_max; i++) EXPECT_TRUE(client.submit("POST", "/a", {}).has_value());
  EXPECT_FALSE(client.submit("POST", "/a", {}).has_value());
}

TEST_P(Http2Test, queues_no_more_than_its_maximum_of_a_response) {
  client.submit("POST", "/a", {});
  run();
  server.begin_response(request(0).stream, 200);
  EXPECT_FALSE(server.send(request(0).stream, Buffer(response_bytes_waiting_max + 1)));
  EXPECT_TRUE(server.send(request(0).stream, Buffer(response_bytes_waiting_max)));
  EXPECT_FALSE(server.send(request(0).stream, Buffer(1)));
}

INSTANTIATE_TEST_SUITE_P(Pieces, Http2Test, ::testing::Values(1, 7, 1000, 100'000));

}  // namespace
}  // namespace quoin::control
