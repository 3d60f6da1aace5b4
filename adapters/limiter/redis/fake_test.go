package redis_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/test/harness/redisserver"
)

// endConnection is a reply that ends the connection.
const endConnection = "end"

// fake is a server whose replies a test chooses. It sends nothing if the reply is empty.
type fake struct {
	listener net.Listener
	answer   func(command []string) string
	commands chan string // names of commands received; those that do not fit are dropped
	open     atomic.Int64
}

// startFake starts a fake server that ends with the test.
func startFake(t testing.TB, answer func(command []string) string) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &fake{listener: listener, answer: answer, commands: make(chan string, 1024)}
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

// await waits until the server receives a command of that name.
func (f *fake) await(t testing.TB, name string) {
	t.Helper()
	deadline := time.After(redisserver.Timeout)
	for {
		select {
		case got := <-f.commands:
			if got == name {
				return
			}
		case <-deadline:
			require.Fail(t, "timed out waiting for a command", "%s", name)
		}
	}
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
		case f.commands <- command[0]:
		default:
		}
		answer := f.answer(command)
		if answer == endConnection {
			return
		}
		if _, err = io.WriteString(conn, answer); err != nil {
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
	hello     = "%3\r\n$7\r\nversion\r\n$5\r\n7.4.0\r\n$5\r\nproto\r\n:3\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
	granted   = "$20\r\n\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\r\n"
	noCluster = "-ERR This instance has cluster support disabled\r\n"
	allRight  = "+OK\r\n"
)

// usual returns the reply of a working standalone server.
func usual(command []string) string {
	switch command[0] {
	case "HELLO":
		return hello
	case "CLUSTER":
		return noCluster
	case "EVAL", "EVALSHA":
		return granted
	case "PING":
		return "+PONG\r\n"
	case "ROLE":
		return "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
	}
	return allRight
}

// bulk returns a reply that is text.
func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

// but returns the replies of a working server, except to the commands in answers.
func but(answers map[string]string) func([]string) string {
	return func(command []string) string {
		if answer, found := answers[command[0]]; found {
			return answer
		}
		return usual(command)
	}
}
