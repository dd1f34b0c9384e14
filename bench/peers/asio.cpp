/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * An echo server on Boost.Asio with callbacks: "asio PORT", on 127.0.0.1. Built twice: as Asio is,
 * on epoll, and with BOOST_ASIO_HAS_IO_URING and BOOST_ASIO_DISABLE_EPOLL, on io_uring.
 */
#include <array>
#include <boost/asio.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
// Of the context's own executor: the usual one may be any, and asks at each step which it is.
using executor = asio::io_context::executor_type;
using stream = asio::basic_stream_socket<tcp, executor>;
using listener = asio::basic_socket_acceptor<tcp, executor>;

class session : public std::enable_shared_from_this<session> {
public:
	explicit session(stream socket) : socket_(std::move(socket)) {}

	void read()
	{
		socket_.async_read_some(asio::buffer(buffer_),
			[self = shared_from_this()](error_code error, std::size_t got) {
				if (!error)
					self->write(got);
			});
	}

private:
	void write(std::size_t length)
	{
		asio::async_write(socket_, asio::buffer(buffer_, length),
			[self = shared_from_this()](error_code error, std::size_t) {
				if (!error)
					self->read();
			});
	}

	stream socket_;
	std::array<char, 16384> buffer_;
};

static void accept(listener &acceptor)
{
	acceptor.async_accept([&acceptor](error_code error, stream socket) {
		if (!error)
			std::make_shared<session>(std::move(socket))->read();
		accept(acceptor);
	});
}

int main(int argc, char **argv)
try {
	if (argc != 2)
		throw std::runtime_error("give one argument: the port");

	// One thread, and nothing is posted from elsewhere: no locks.
	asio::io_context context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE);
	tcp::endpoint place(asio::ip::address_v4::loopback(),
			    static_cast<unsigned short>(std::atoi(argv[1])));
	listener acceptor(context, place);

	accept(acceptor);
	context.run();
	return 0;
} catch (const std::exception &failure) {
	std::fprintf(stderr, "asio: %s\n", failure.what());
	return 2;
}
