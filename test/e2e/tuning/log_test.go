package tuning_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/offload/sessiond/adapters/cli"
)

// visit is one request of a generated log, at a whole second or a thousandth of one.
type visit struct {
	at      time.Time
	address netip.Addr
	issues  bool
}

var logStart = time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC)

// visits returns the requests of a crowd, and of a few clients that send far too many.
func visits(random *rand.Rand, n int) []visit {
	at := logStart
	var all []visit
	for range n {
		at = at.Add(time.Duration(random.IntN(2500)) * time.Millisecond)
		address := netip.AddrFrom4([4]byte{198, 51, byte(random.IntN(4)), byte(random.IntN(60))})
		switch random.IntN(10) {
		case 0, 1:
			address = netip.AddrFrom4([4]byte{203, 0, 113, byte(random.IntN(2))})
		case 2:
			address = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, 0,
				byte(random.IntN(3)), 15: byte(random.IntN(100))})
		}
		all = append(all, visit{at: at.Truncate(time.Millisecond), address: address,
			issues: random.IntN(3) > 0})
	}
	return all
}

// plainCount counts refusals in the simplest way: it keeps every grant for ever, and counts those
// in the window for each request. A limit of 0 is off.
func plainCount(all []visit, perIP, perNetwork int, window time.Duration) (refused int,
	addresses map[string]int, byIP int, longest time.Duration) {
	type grant struct {
		at      time.Time
		address string
		network string
	}
	var grants []grant
	addresses = map[string]int{}
	for _, v := range all {
		if !v.issues {
			continue
		}
		bits, networkBits := 32, 24
		if v.address.Is6() {
			bits, networkBits = 64, 48
		}
		address := netip.PrefixFrom(v.address, bits).Masked().String()
		network := netip.PrefixFrom(v.address, networkBits).Masked().String()
		var ofAddress, ofNetwork []time.Time
		for _, g := range grants {
			if v.at.Sub(g.at) < window {
				if g.address == address {
					ofAddress = append(ofAddress, g.at)
				}
				if g.network == network {
					ofNetwork = append(ofNetwork, g.at)
				}
			}
		}
		wait := func(granted []time.Time, limit int) time.Duration {
			if limit == 0 || len(granted) < limit {
				return 0
			}
			sort.Slice(granted, func(i, j int) bool { return granted[i].Before(granted[j]) })
			return granted[len(granted)-limit].Add(window).Sub(v.at)
		}
		waitIP, waitNetwork := wait(ofAddress, perIP), wait(ofNetwork, perNetwork)
		if waitIP == 0 && waitNetwork == 0 {
			grants = append(grants, grant{v.at, address, network})
			if len(grants) > 600 { // the others have long left every window
				grants = grants[300:]
			}
			continue
		}
		refused++
		addresses[address]++
		longest = max(longest, waitIP, waitNetwork)
		if waitIP >= waitNetwork {
			byIP++
		}
	}
	return refused, addresses, byIP, longest
}

// logFormats write one visit in each format.
var logFormats = map[string]func(visit) string{
	"combined": func(v visit) string {
		return fmt.Sprintf(`%s - - [%s] "%s HTTP/1.1" 200 345 "-" "App/3.1 (iPhone)"`, v.address,
			v.at.Format("02/Jan/2006:15:04:05 -0700"), request(v))
	},
	"nginx": func(v visit) string {
		//nolint:gocritic // as nginx writes it
		return fmt.Sprintf(`{"msec":"%d.%03d","remote_addr":"%s","request":"%s HTTP/2.0","status":"200"}`,
			v.at.Unix(), v.at.Nanosecond()/1e6, v.address, request(v))
	},
	"caddy": func(v visit) string {
		method, uri, _ := strings.Cut(request(v), " ")
		return fmt.Sprintf(`{"level":"info","ts":%d.%03d,"logger":"http.log.access","request":`+
			`{"remote_ip":"10.0.0.1","client_ip":"%s","method":"%s","uri":"%s"},"status":200}`,
			v.at.Unix(), v.at.Nanosecond()/1e6, v.address, method, uri)
	},
}

func request(v visit) string {
	if v.issues {
		return "POST /v1/sessions/anonymous"
	}
	return "GET /v1/health"
}

// TestSimulationAgreesWithAPlainCount compares a simulation with a plain count, for every setting
// of a grid and in every format, and again with one line in ten broken.
func TestSimulationAgreesWithAPlainCount(t *testing.T) {
	t.Parallel()
	all := visits(rand.New(rand.NewPCG(7, 7)), 3000)
	for name, format := range logFormats {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			counted := all
			if name == "combined" { // has whole seconds
				counted = nil
				for _, v := range all {
					v.at = v.at.Truncate(time.Second)
					counted = append(counted, v)
				}
			}
			var plain, broken strings.Builder
			wantBroken := 0
			for i, v := range all {
				line := format(v) + "\n"
				plain.WriteString(line)
				broken.WriteString(line)
				if i%9 == 0 {
					wantBroken++
					broken.WriteString(line[len(line)/2:])
				}
			}
			folder := t.TempDir()
			grid := []string{"--per-ip", "1,2,4,8", "--per-network", "3,24,0", "--window",
				"7s,30s,60s"}
			reports := map[bool]cli.SimulateReport{}
			for isBroken, text := range map[bool]string{false: plain.String(),
				true: broken.String()} {
				file := filepath.Join(folder, fmt.Sprint(isBroken))
				require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
				reports[isBroken] = simulate(t, append(grid, file)...)
			}
			sum := 0
			for _, count := range reports[true].Unreadable {
				sum += count
			}
			assert.Equal(t, wantBroken, sum)
			assert.Empty(t, reports[false].Unreadable)
			assert.Equal(t, reports[false].Settings, reports[true].Settings)
			require.Len(t, reports[false].Settings, 4*3*3)
			refusals := 0
			for _, setting := range reports[false].Settings {
				window := time.Duration(setting.WindowSeconds) * time.Second
				refused, addresses, byIP, longest := plainCount(counted, setting.Limits["ip"],
					setting.Limits["network"], window)
				label := fmt.Sprint(setting.Limits, window)
				assert.Equal(t, refused, setting.Refused, label)
				assert.Equal(t, byIP, setting.RefusedBy["ip"], label)
				assert.Equal(t, refused-byIP, setting.RefusedBy["network"], label)
				assert.Equal(t, len(addresses), setting.Addresses.Refused, label)
				assert.InDelta(t, longest.Seconds(), setting.LongestWaitSeconds, 1e-9, label)
				assert.InDelta(t, topShare(addresses, setting.Addresses.Subjects),
					setting.Addresses.TopShare, 1e-9, label)
				refusals += refused
			}
			assert.Greater(t, refusals, 1000)
		})
	}
}

// topShare returns the share of refusals of the 1 % that were refused most, rounded up.
func topShare(addresses map[string]int, subjects int) float64 {
	var counts []int
	total, top := 0, 0
	for _, count := range addresses {
		counts = append(counts, count)
		total += count
	}
	sort.Sort(sort.Reverse(sort.IntSlice(counts)))
	for i := 0; i < len(counts) && i*100 < subjects; i++ {
		top += counts[i]
	}
	if total == 0 {
		return 0
	}
	return float64(top) / float64(total)
}
