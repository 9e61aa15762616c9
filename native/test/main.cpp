#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "ops/parallel.h"

int main(int argc, char** argv) {
  plumb::set_product_threads(plumb::team_size(0));  // as a session does, for tests of products without one
  doctest::Context context(argc, argv);
  return context.run();
}
