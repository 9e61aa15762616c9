#pragma once

namespace plumb {

/// What one step of Adam does to every value of a parameter.
struct AdamConstants {
  float rate;
  float beta1;
  float beta2;
  float epsilon;
  float decay;        ///< 1 - rate * weight decay
  float correction1;  ///< 1 - beta1^t
  float correction2;  ///< 1 - beta2^t
  float scale;        ///< factor on the gradient (clipping)
};

}  // namespace plumb
