# TARGETS=armv6,arm64 limits `cross` and `selftest`, and gives `demo` nodes that run as ARM programs under qemu.
# ARGS passes more arguments to the demo. FUZZ_SECONDS=300 fuzzes each decoder longer than its 30 s.
comma := ,
targets = $(subst $(comma), ,$(TARGETS))

.PHONY: all setup build cross selftest lint peers demo test test-peers fuzz clean distclean
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
test:
	@Toolchain/test.sh
test-peers: build
	@Toolchain/setup.sh peers
	@Toolchain/cross.sh armv6 arm64
	@Toolchain/peers.sh full
fuzz: setup
	@Toolchain/fuzz.sh
clean:
	rm -rf .build .build-arm .build-embedded .build-test build
# Also what was downloaded: the SDK bundle and the Python peers.
distclean: clean
	rm -rf .build-peers Toolchain/generated
