package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/offload/sessiond/test/harness/parts"
)

// redisServer is a Redis server in a process of its own, which keeps nothing on disk.
type redisServer struct {
	address string
	stop    func()
}

func (s *redisServer) url() string { return "redis://" + s.address }

// startRedis starts a server with more arguments, and returns when it answers.
func startRedis(arguments ...string) (*redisServer, error) {
	program, libraries, err := parts.Find("redis", "redis-server")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "compare-redis")
	if err != nil {
		return nil, err
	}
	var log bytes.Buffer
	command := exec.Command(program, append(arguments, "--port", port, "--bind", "127.0.0.1",
		"--save", "", "--dir", folder)...)
	command.Env = append(os.Environ(), libraries...)
	command.Stdout, command.Stderr = &log, &log
	if err := command.Start(); err != nil {
		return nil, err
	}
	var once sync.Once
	s := &redisServer{address: address, stop: func() {
		once.Do(func() {
			_ = command.Process.Kill()
			_ = command.Wait()
			_ = os.RemoveAll(folder)
		})
	}}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := s.do("PING"); err == nil {
			return s, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("redis-server did not start:\n" + log.String())
}

// client returns a client of the server, set as adapters/limiter/redis sets its own.
func (s *redisServer) client() (rueidis.Client, error) {
	option, err := rueidis.ParseURL(s.url())
	if err != nil {
		return nil, err
	}
	option.DisableCache, option.DisableRetry = true, true
	option.PipelineMultiplex, option.MaxFlushDelay = -1, 20*time.Microsecond
	option.ForceSingleClient = true
	return rueidis.NewClient(option)
}

// startCluster starts a Cluster of one node.
func startCluster() (*redisServer, error) {
	s, err := startRedis("--cluster-enabled", "yes")
	if err != nil {
		return nil, err
	}
	if _, err := s.do("CLUSTER", "ADDSLOTSRANGE", "0", "16383"); err != nil {
		s.stop()
		return nil, err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		info, err := s.do("CLUSTER", "INFO")
		if err != nil {
			s.stop()
			return nil, err
		}
		if text, _ := info.ToString(); strings.Contains(text, "cluster_state:ok") {
			return s, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("the Cluster is not in order")
}

// do sends one command.
func (s *redisServer) do(words ...string) (rueidis.RedisMessage, error) {
	client, err := s.client()
	if err != nil {
		return rueidis.RedisMessage{}, err
	}
	defer client.Close()
	return client.Do(context.Background(), client.B().Arbitrary(words...).Build()).ToMessage()
}
