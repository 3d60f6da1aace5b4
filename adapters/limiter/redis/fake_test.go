package redis_test

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// fake is a server whose words a test chooses. It answers to each command what it is told to;
// nothing, where that is empty.
type fake struct {
	listener net.Listener
	answer   func(command []string) string
	heard    chan string // names of commands, as far as there is room
	open     atomic.Int64
}

// startFake starts one that ends with the test.
func startFake(t testing.TB, answer func(command []string) string) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &fake{listener: listener, answer: answer, heard: make(chan string, 1024)}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.open.Add(1)
			go f.serve(conn)
		}
	}()
	return f
}

func (f *fake) url() string { return "redis://" + f.listener.Addr().String() }

func (f *fake) port() string {
	_, port, _ := net.SplitHostPort(f.listener.Addr().String())
	return port
}

func (f *fake) serve(conn net.Conn) {
	defer f.open.Add(-1)
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	for {
		command, err := readCommand(reader)
		if err != nil {
			return
		}
		select {
		case f.heard <- command[0]:
		default:
		}
		if _, err = io.WriteString(conn, f.answer(command)); err != nil {
			return
		}
	}
}

// readCommand reads an array of strings.
func readCommand(reader *bufio.Reader) (command []string, err error) {
	number := func() (int, error) {
		line, err := reader.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimSpace(line[1:]))
	}
	count, err := number()
	for range count {
		length, err := number()
		if err != nil {
			return nil, err
		}
		text := make([]byte, length+len("\r\n"))
		if _, err := io.ReadFull(reader, text); err != nil {
			return nil, err
		}
		command = append(command, string(text[:length]))
	}
	if len(command) == 0 {
		return nil, io.EOF
	}
	return command, err
}

const (
	hello    = "%3\r\n$7\r\nversion\r\n$5\r\n7.4.0\r\n$5\r\nproto\r\n:3\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
	granted  = "$20\r\n\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\r\n"
	noMap    = "-ERR This instance has cluster support disabled\r\n"
	allRight = "+OK\r\n"
)

// usual is what a good server that stands alone answers.
func usual(command []string) string {
	switch command[0] {
	case "HELLO":
		return hello
	case "CLUSTER":
		return noMap
	case "EVAL", "EVALSHA":
		return granted
	case "PING":
		return "+PONG\r\n"
	case "ROLE":
		return "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
	}
	return allRight
}

// but is the usual server, which answers to some commands what a test chooses.
func but(answers map[string]string) func([]string) string {
	return func(command []string) string {
		if answer, is := answers[command[0]]; is {
			return answer
		}
		return usual(command)
	}
}
