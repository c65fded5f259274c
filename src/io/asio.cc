// The compiled half of Boost.Asio, once.
#include <boost/asio/impl/src.hpp>
