package outage

// SetTurn replaces how the process gets its turn on a processor. It must be called before the first
// decision.
func (s *Storage) SetTurn(turn func()) { s.pulse.turn = turn }

// MaxLate is how much later than its timeout a call is given up at the latest.
const MaxLate = maxLate
