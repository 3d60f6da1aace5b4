package throttle_test

import (
	"testing"

	"github.com/offload/sessiond/domain/throttle"
)

func BenchmarkSubject(b *testing.B) {
	digester := throttle.NewDigester([]byte("a digest key of a benchmark"))
	b.ReportAllocs()
	for b.Loop() {
		digester.Subject(throttle.ByInstall, "3f2b8f0a-7f0e-4d52-9a39-0b6f5b1f7b11")
	}
}
