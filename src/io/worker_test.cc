#include "io/worker.h"

#include <future>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "io/run_until.h"

namespace quoin::io {
namespace {

TEST(Worker, the_loop_goes_on_while_a_job_hangs) {
  Loop loop;
  Worker worker(loop);
  std::promise<void> let_go;
  bool turned = false, done = false;
  ASSERT_TRUE(worker.run([hangs = let_go.get_future(), &done]() mutable {
    hangs.wait();
    return Callback([&done] { done = true; });
  }));
  loop.post([&turned] { turned = true; });
  EXPECT_TRUE(run_until(loop, [&] { return turned; }));
  EXPECT_FALSE(done);
  let_go.set_value();
  EXPECT_TRUE(run_until(loop, [&] { return done; }));
}

TEST(Worker, jobs_run_elsewhere_in_their_order_and_what_they_return_runs_on_the_loop) {
  Loop loop;
  Worker worker(loop);
  std::string order;
  std::thread::id of_job, of_callback;
  for (const char name : {'a', 'b', 'c'}) {
    ASSERT_TRUE(worker.run([&, name] {
      of_job = std::this_thread::get_id();
      return Callback([&, name] {
        order += name;
        of_callback = std::this_thread::get_id();
      });
    }));
  }
  EXPECT_TRUE(run_until(loop, [&] { return order.size() == 3; }));
  EXPECT_EQ(order, "abc");
  EXPECT_NE(of_job, std::this_thread::get_id());
  EXPECT_EQ(of_callback, std::this_thread::get_id());
}

TEST(Worker, takes_only_so_many_jobs_that_wait) {
  Loop loop;
  Worker worker(loop);
  std::promise<void> began, let_go;
  ASSERT_TRUE(worker.run([&began, hangs = let_go.get_future()]() mutable {
    began.set_value();
    hangs.wait();
    return Callback([] {});
  }));
  began.get_future().wait();
  std::size_t ran = 0;
  const auto job = [&ran] { return Callback([&ran] { ran++; }); };
  for (std::size_t i = 0; i < Worker::waiting_max; i++) EXPECT_TRUE(worker.run(job));
  EXPECT_FALSE(worker.run(job));
  let_go.set_value();
  EXPECT_TRUE(run_until(loop, [&] { return ran == Worker::waiting_max; }));
}

TEST(Worker, one_that_ends_while_a_job_hangs_is_not_held_up_and_calls_nothing_back) {
  Loop loop;
  auto worker = std::make_unique<Worker>(loop);
  std::promise<void> began, let_go, returned;
  auto has_returned = returned.get_future();
  bool done = false;
  ASSERT_TRUE(worker->run([&began, hangs = let_go.get_future(), returned = std::move(returned), &done]() mutable {
    began.set_value();
    hangs.wait();
    returned.set_value();
    return Callback([&done] { done = true; });
  }));
  began.get_future().wait();
  worker.reset();
  let_go.set_value();
  has_returned.wait();
  bool turned = false;
  loop.post([&turned] { turned = true; });
  EXPECT_TRUE(run_until(loop, [&] { return turned; }));
  EXPECT_FALSE(done);
}

}  // namespace
}  // namespace quoin::io
