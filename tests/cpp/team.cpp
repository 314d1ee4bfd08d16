// Works teams of every size hard: many small runs and barriers, many births and deaths, engines in several
// threads at once, and steps that are interrupted. Prints the instruction sets that this machine runs, once
// all is right with each; a sanitizer sees the rest (make test-sanitized).
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#if __has_include(<sys/wait.h>)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "core/balance.h"
#include "core/engine.h"
#include "core/isa.h"
#include "core/team.h"

namespace {

using namespace nablanet;

const Settings kAdam{.method = Method::adam,
                     .beta1 = 0.9,
                     .beta2 = 0.999,
                     .epsilon = 1e-8,
                     .decay = 0.001,
                     .sum_squares = true};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

// Behind a barrier each member finds what its neighbour wrote before it.
void work_in_phases(int size) {
  Team team(size);
  std::vector<int> written(static_cast<std::size_t>(size));  // no atomics: the barrier must order them
  for (int run = 0; run < 20; ++run) {
    team.run([&](int member) {
      const auto own = static_cast<std::size_t>(member);
      const auto neighbour = static_cast<std::size_t>((member + 1) % size);
      for (int phase = 0; phase < 20; ++phase) {
        written[own] = run + phase;
        team.barrier();
        require(written[neighbour] == run + phase, "a barrier let a member through too early");
        team.barrier();
      }
    });
    for (const int last : written) require(last == run + 19, "run came back too early");
  }
}

// Each member adds to a piece what the one before has left there; then whoever is free takes parts of what
// the last one leaves.
void hand_on_pieces(int size) {
  constexpr std::size_t pieces = 7;
  Team team(size);
  std::array<int, pieces> sums, taken;  // no atomics here either
  for (int run = 0; run < 20; ++run) {
    sums.fill(0);
    taken.fill(0);
    team.run([&](int member) {
      for (int round = 0; round < 3; ++round) {
        for (int& sum : sums) {
          if (member > 0) team.relay().follow(member);
          require(sum == round * size + member, "a piece came too early");
          ++sum;
          team.relay().pass(member);
        }
        for (Index piece = 0; (piece = team.relay().take(member, pieces)) >= 0;) {
          const auto at = static_cast<std::size_t>(piece);
          team.relay().await_last(member, static_cast<unsigned>(pieces - 1 - at));
          require(sums[at] == (round + 1) * size, "the last member had not come to a piece");
          ++taken[at];
        }
        team.barrier();
        for (const int times : taken) require(times == round + 1, "a piece was not taken once");
        team.barrier();
      }
    });
  }
}

void come_and_go(int size) {
  for (int i = 0; i < 50; ++i) {
    std::atomic<int> count = 0;
    Team idle(size);
    Team team(size);
    team.run([&](int) { ++count; });
    require(count == size, "not every member has worked");
  }
}

void require_whole(const Balance& balance, int members) {
  for (const Index size : {0, 1, 5, 32, 200, 784}) {
    for (const Index unit : {1, 4}) {
      Index end = 3;
      for (int member = 0; member < members; ++member) {
        const Range share = balance.share({3, 3 + size}, unit, member, members);
        require(share.begin == end && share.end >= share.begin, "shares overlap, or leave a gap");
        require(share.end == 3 + size || (share.end - 3) % unit == 0, "a share is not of whole units");
        end = share.end;
      }
      require(end == 3 + size, "shares do not cover the whole");
    }
  }
}

// The first member of several takes so many times as long for an even share.
Index first_of_1200(Balance& balance, int members, double times) {
  for (int member = 0; member < members; ++member) balance.took(member, member == 0 ? times : 1);
  balance.settle();
  require_whole(balance, members);
  require_whole(balance, members + 1);  // which it does not know
  return balance.share({0, 1200}, 1, 0, members).size();
}

void divide_by_speed() {
  for (int members = 1; members <= 8; ++members) {
    Balance balance;
    balance.prepare(members);
    first_of_1200(balance, members, 5);
  }
  Balance balance;
  balance.prepare(2);
  require(first_of_1200(balance, 2, 1.05) == 600, "about the same is not the same");
  balance.took(0, 9);  // alone
  balance.settle();
  require(first_of_1200(balance, 2, 1) == 600, "times of one member alone counted");
  // speeds of 1 : 2, so halfway from 1/2 to 1/3
  require(first_of_1200(balance, 2, 2) == 500, "shares do not go halfway to equal times");
  Balance held_up;
  held_up.prepare(2);
  // taken for 1 : 3, so halfway from 1/2 to 1/4
  require(first_of_1200(held_up, 2, 1000) == 450, "a member that was held up lost more than it may");
}

struct Problem {
  std::vector<Index> sizes;
  Index batch;
  std::vector<double> X;
  std::vector<std::int32_t> labels;
  std::vector<std::int64_t> order;
  static constexpr Index rows = 300;

  // `steps` mini-batches, and inputs of which so many in a thousand are zero
  Problem(std::vector<Index> sizes, Index batch, Index steps, int zeros)
      : sizes(std::move(sizes)), batch(batch) {
    for (Index i = 0; i < rows * this->sizes[0]; ++i) {
      const Index number = i * 7919 % 1009;
      X.push_back(i * 4243 % 1000 < zeros ? 0 : static_cast<double>(number) / 1009 - 0.5);
    }
    for (Index i = 0; i < rows; ++i) labels.push_back(static_cast<std::int32_t>(i % 10));
    for (Index i = 0; i < batch * steps; ++i) order.push_back(i * 47 % rows);
  }
  Source source() const {
    return {X.data(), Scalar::float64, sizes[0] * static_cast<Index>(sizeof(double)), sizes[0]};
  }
  Target target() const { return {{}, labels.data()}; }
};

Engine<double> engine_for(const Problem& problem, const KernelSet& set, int threads,
                          Interruption::Question question = nullptr) {
  Engine<double> engine(
      {problem.sizes, {Activation::tanh, Activation::relu, Activation::softmax}, Cost::cross_entropy},
      set.table<double>(), threads, question, {});
  for (std::size_t l = 0; l + 1 < problem.sizes.size(); ++l) {
    const Panels<double> weights = engine.parameters().weights(l);
    for (Index j = 0; j < problem.sizes[l + 1]; ++j) {
      for (Index k = 0; k < problem.sizes[l]; ++k) {
        weights.line(j / kLanes<double>, k)[j % kLanes<double>] =
            static_cast<double>((j * 31 + k * 17) % 23) / 100 - 0.11;
      }
    }
  }
  return engine;
}

// Everything that an engine does, as one sum.
double all_calls(const Problem& problem, const KernelSet& set, int threads) {
  Engine<double> engine = engine_for(problem, set, threads);
  const auto rows = static_cast<std::size_t>(Problem::rows);
  const auto n_in = static_cast<std::size_t>(problem.sizes[0]),
             hidden = static_cast<std::size_t>(problem.sizes[1]);
  std::vector<double> out(rows * 10 * n_in);
  engine.start(problem.source(), problem.target(), problem.batch, kAdam);
  const auto count = static_cast<Index>(problem.order.size());
  const std::vector<double> etas(static_cast<std::size_t>(count / problem.batch), 0.01);
  double sum = 0;
  for (int epoch = 0; epoch < 3; ++epoch) {
    sum += engine.train(problem.order.data(), count, etas.data()) + engine.weight_squares();
    if (epoch == 1) engine.release_threads();
  }
  const auto add = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) sum += out[i];
  };
  const Target target = problem.target();
  sum += engine.predict(problem.source(), &target, 0, Problem::rows, out.data());
  add(rows * 10);
  engine.input_gradient(problem.source(), target, Problem::rows, out.data());
  add(rows * n_in);
  engine.jacobian(problem.source(), Problem::rows, out.data());
  add(rows * 10 * n_in);
  engine.hidden(problem.source(), 1, Problem::rows, out.data());
  add(rows * hidden);
  Parameters<double> sums(problem.sizes);
  sum += engine.gradient(problem.source(), target, Problem::rows, sums);
  return sum;
}

void engines_side_by_side(const Problem& problem, const KernelSet& set) {
  const double expected = all_calls(problem, set, 1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&, i] { require(all_calls(problem, set, i + 1) == expected, "engines disturb one another"); });
  }
  for (std::thread& thread : threads) thread.join();
}

std::vector<double> all_parameters(const Problem& problem, Engine<double>& engine) {
  std::vector<double> all;
  for (std::size_t l = 0; l + 1 < problem.sizes.size(); ++l) {
    const Index lanes = panel_count<double>(problem.sizes[l + 1]) * kLanes<double>;
    const double* const weights = engine.parameters().weights(l).data;
    const double* const bias = engine.parameters().bias(l);
    all.insert(all.end(), weights, weights + problem.sizes[l] * lanes);
    all.insert(all.end(), bias, bias + lanes);
  }
  return all;
}

// A step that is interrupted, wherever it is, leaves the parameters as they were.
void interrupted_steps(const Problem& problem, const KernelSet& set) {
  static std::atomic<int> left;
  for (int threads = 1; threads <= 3; ++threads) {
    for (const int patience : {1, 3, 9, 27, 81, 1 << 30}) {
      Engine<double> engine = engine_for(problem, set, threads, [] { return --left == 0; });
      engine.start(problem.source(), problem.target(), problem.batch, kAdam);
      left = patience;
      const double eta = 0.01;
      const std::vector<double> before = all_parameters(problem, engine);
      try {
        engine.train(problem.order.data(), problem.batch, &eta);
        require(patience > 1, "a step was not interrupted");
        require(all_parameters(problem, engine) != before, "a step did nothing");
      } catch (const Interrupted&) {
        require(patience < 1 << 30, "a step was interrupted");
        require(all_parameters(problem, engine) == before, "a torn step");
      }
    }
  }
}

#if __has_include(<sys/wait.h>) && !defined(__SANITIZE_THREAD__)  // which knows no threads after fork
// A child that goes on with an engine has none of the threads that the engine keeps.
void train_in_a_child(const Problem& problem) {
  const auto count = static_cast<Index>(problem.order.size());
  const std::vector<double> etas(static_cast<std::size_t>(count / problem.batch), 0.01);
  Engine<double> engine = engine_for(problem, choose_kernels(""), 2);
  engine.start(problem.source(), problem.target(), problem.batch, kAdam);
  engine.train(problem.order.data(), count, etas.data());
  const pid_t child = fork();
  engine.train(problem.order.data(), count, etas.data());
  engine.release_threads();
  if (child == 0) _exit(0);
  int status = 1;
  require(waitpid(child, &status, 0) == child && status == 0, "a child did not train");
}
#else
void train_in_a_child(const Problem&) {}
#endif

}  // namespace

int main() {
  for (int size = 1; size <= 8; ++size) {
    work_in_phases(size);
    hand_on_pieces(size);
    come_and_go(size);
  }
  divide_by_speed();
  const Problem narrow({40, 64, 40, 10}, 100, 3, 0);
  // two or three threads divide the inputs of these
  const Problem mostly_zero({160, 64, 40, 10}, 400, 2, 800);
  // and make the errors of this one's first hidden layer each for itself
  const Problem long_and_mostly_zero({400, 200, 20, 10}, 2400, 1, 800);
  // on a slow set they take long, and go the same way
  interrupted_steps({{600, 700, 650, 10}, 300, 1, 0}, choose_kernels(""));
  interrupted_steps(long_and_mostly_zero, choose_kernels(""));
  train_in_a_child(mostly_zero);
  for (const KernelSet* set : supported_kernels()) {
    for (const Problem* problem : {&narrow, &mostly_zero}) engines_side_by_side(*problem, *set);
    std::puts(set->name);
  }
}
