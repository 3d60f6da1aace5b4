package server

// growStack makes the stack of the calling goroutine 16 KiB large. Over HTTP/2 each request has a
// new goroutine, whose stack of 2 KiB would be copied to one of twice the size three times on the
// way to the deepest call: up to an eighth of the processor time of a request. Here there is hardly
// anything to copy yet.
//
//go:noinline
func growStack() {
	var room [12 << 10]byte
	use(room[:])
}

// use keeps the compiler from removing a variable.
//
//go:noinline
func use([]byte) {}
