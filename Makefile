# TARGETS=armv6,arm64 limits `cross` and `selftest`, and gives `demo` nodes that run as ARM programs under qemu.
# ARGS passes more arguments to the demo. FUZZ_SECONDS=300 fuzzes each decoder longer than its 30 s.
comma := ,
targets = $(subst $(comma), ,$(TARGETS))

.PHONY: all setup build cross selftest lint peers demo test test-peers mutants simulate model fuzz bench-paillier interop-paillier
.PHONY: unit-mutants timing-paillier test-hosts test-outages attacks attack count count-check bench-fleet clean distclean
all: build
setup:
	@Toolchain/setup.sh
build: setup
	@Toolchain/build.sh
cross: setup
	@Toolchain/cross.sh $(targets)
selftest: build cross
	@Toolchain/selftest.sh $(if $(TARGETS),$(targets))
lint:
	@Toolchain/lint.sh
peers: build
	@Toolchain/setup.sh peers
	@Toolchain/peers.sh
demo: build
	@Toolchain/demo.sh "$(TARGETS)" $(ARGS)
# SCHEDULES=10000000 runs more of the consensus core's, GROUPS_OF_NODES=5000 more of whole groups.
simulate: build
	@.build/release/busbar-sim run --schedules $(or $(SCHEDULES),200000)
	@.build/release/busbar-sim groups --schedules $(or $(GROUPS_OF_NODES),1000)
	@.build/release/busbar-sim crashes
	@.build/release/busbar-sim twins
# Groups under every attack in the simulator, some hundreds of sets for each; then real processes under floods, beside which nothing
# else should run: a table, and build/bench/attack.json. ATTACK="--seconds 5" shortens the second.
attacks: build
	@.build/release/busbar-sim attacks
	@.build/release/busbar-sim attacks --members 7 --groups 3
attack: build
	@Toolchain/setup.sh peers
	@.build-peers/venv/bin/python -B Tests/Benchmarks/packet_attack.py .build/release/busbar $(ATTACK)
# The protocol itself, by Spin. BOUNDS=large takes a quarter of an hour and 3 GB.
model:
	@Toolchain/setup.sh peers
	@Toolchain/model.sh $(BOUNDS)
# Which schedule first shows each planted violation.
mutants: build
	@.build/release/busbar-sim mutants
# Which unit test first shows each of those that no schedule draws often. UNIT_MUTANTS="NAME NAME" names some, of any kind.
unit-mutants: build
	@Toolchain/unit-mutants.sh $(UNIT_MUTANTS)
test:
	@Toolchain/test.sh
# A group of nodes that are hosts, each in a network namespace of its own: docs/DEPLOY.md walked, then groups over IPv4 and over IPv6, in
# about three minutes. Takes root.
test-hosts: build
	@Toolchain/setup.sh hosts
	@timeout --kill-after=30 600 python3 -B Tests/Hosts/hosts.py .build/release/busbar $(HOSTS)
# Running groups without their network, boards, honest meters or right clocks for as long as 200 periods, then with them again: a
# quarter of an hour. OUTAGES="--short", or "--only network,dead --outages 12".
test-outages: build
	@Toolchain/setup.sh peers
	@timeout --kill-after=30 1800 .build-peers/venv/bin/python -B Tests/Outages/outages.py .build/release/busbar $(OUTAGES)
test-peers: build
	@Toolchain/setup.sh peers
	@Toolchain/cross.sh armv6 arm64
	@Toolchain/peers.sh full
# Against phe and pypaillier; BENCH="--rounds 5 --bits 2048" shortens it. A table, and build/bench/paillier.json.
bench-paillier: build
	@Toolchain/setup.sh benchmarks
	@.build-peers/benchmarks/bin/python -B Tests/Benchmarks/paillier_bench.py .build/release/busbar-lab $(BENCH)
# 10,000 ciphertexts each way with phe for each size of key; `make peers` has a short run.
interop-paillier: build
	@Toolchain/setup.sh peers
	@.build-peers/venv/bin/python -B Tests/Peers/paillier_peer.py .build/release/busbar --count 10000
# Welch's t of encryption times for sparse and random exponents, with the fast profile as positive control.
timing-paillier: build
	@.build/release/busbar-lab paillier timing
# Instructions of one Paillier operation on armv6, armv7 and arm64, into or against the table of docs/PERFORMANCE.md.
count count-check:
	@PRODUCTS=busbar-selftest Toolchain/cross.sh armv6 armv7 arm64
	@Toolchain/count.sh $(if $(filter count-check,$@),check)
# Real periods of 4 aggregators with 500 meters each, as processes on loopback: about 6 minutes. A table, and
# build/bench/fleet.json. FLEET="--seconds 30 --meters 100" makes it a smaller one.
bench-fleet: build
	@rm -rf build/fleet build/fleet.new
	@mkdir -p build/bench
	@.build/release/busbar bench fleet --data build/fleet --report build/bench/fleet.json $(FLEET)
fuzz: setup
	@Toolchain/fuzz.sh
clean:
	rm -rf .build .build-arm .build-embedded .build-test build
# Also what was downloaded: the SDK bundle and the Python peers.
distclean: clean
	rm -rf .build-peers Toolchain/generated
