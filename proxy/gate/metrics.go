package gate

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what passes the gate. It is a prometheus.Collector.
type Metrics struct {
	Sessions       prometheus.Gauge
	LoginsRefused  prometheus.Counter
	Commands       *prometheus.CounterVec // by protocol and verdict
	PluginFailures *prometheus.CounterVec // by plugin
}

// NewMetrics makes the counters, at zero.
func NewMetrics() *Metrics {
	return &Metrics{
		Sessions:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "sluice_sessions", Help: "Open sessions."}),
		LoginsRefused: prometheus.NewCounter(prometheus.CounterOpts{Name: "sluice_logins_refused_total", Help: "Log-ins that were refused."}),
		Commands: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sluice_commands_total",
			Help: "Commands decided, by protocol and verdict (allow, deny, hold)."}, []string{"protocol", "verdict"}),
		PluginFailures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sluice_plugin_failures_total",
			Help: "Plugin calls that trapped, ran out of fuel or broke the ABI."}, []string{"plugin"}),
	}
}

func (m *Metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.Sessions, m.LoginsRefused, m.Commands, m.PluginFailures}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}
