#!/usr/bin/env python3
# limit: 2400
"""Every way that the card's events can arrive, over both transports and both layouts of rings: each serves, and the counters say which it was."""
import hashlib
import re
import socket

from netns import Net, Vm, main, only_ours

MODERN = "virtio-net-pci,disable-legacy=on"
PACKED = f"{MODERN},packed=on"
LEGACY = "virtio-net-pci,disable-modern=on"
TRANSITIONAL = "virtio-net-pci"
E1000E = {"nic": "e1000e", "driver": "e1000e"}
VMXNET3 = {"nic": "vmxnet3", "driver": "vmxnet3"}
IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2


def serve(net, vm):
    """A page each way with its checksum, and a few echoes."""
    want = hashlib.sha256(open(f"{net.www}/10m", "rb").read()).hexdigest()
    out = vm.run("wget -q -O - http://10.77.0.1/10m | sha256sum", 300)
    assert out.split()[0] == want, (out, vm.command)
    with net.connect(80) as s:
        s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
        answer = b""
        while data := s.recv(65536):
            answer += data
    assert answer.endswith(bytes(i % 251 for i in range(300000)))
    net.echo(20, 1000)


def step(how, nic=TRANSITIONAL, append="", driver="virtio-net-pci", **machine):
    """Boot with this card and these words, serve; (the moved counters, /proc/interrupts)."""
    with Net() as net:
        net.nginx()
        with Vm(ns=net, nic=nic, append=append, files={"www/page": bytes(i % 251 for i in range(300000))}, **machine) as vm:
            if how:
                vm.wait(rf"{driver}: {how}")
            vm.boot()
            if how:
                assert ("packed rings" in vm.run("dmesg")) == ("packed=on" in nic), nic
            vm.run("httpd -p 80 -h /www")
            before = vm.stat()
            serve(net, vm)
            after = vm.stat()
            return {k: v - before.get(k, 0) for k, v in after.items()}, vm.run("cat /proc/interrupts")


def by_messages(moved, interrupts, names, domain):
    for name in names:
        assert re.search(rf"{domain}\s+\d+\s+Edge\s+{re.escape(name)}$", interrupts, re.M), interrupts
    assert moved["net_msi_irqs"] > 20 and moved["net_rx_timer_polls"] == 0 and moved["net_rx_packets"] > 100, moved


def by_msix(moved, interrupts, names=("virtio0-config", "virtio0-input.0", "virtio0-output.0"), domain="GICv2m-MSIX"):
    by_messages(moved, interrupts, names, domain)


def by_line(moved, interrupts, domain="GICv2", name="virtio0"):
    assert re.search(rf"{domain}\s+3[5-8]\s+Level\s+.*{name}$", interrupts, re.M), interrupts
    assert moved["net_msi_irqs"] == 0 and moved["net_rx_timer_polls"] == 0 and moved["net_rx_packets"] > 100, moved


def by_timer(moved, interrupts, name="virtio0"):
    assert name not in interrupts, interrupts
    assert moved["net_msi_irqs"] == 0 and moved["net_rx_timer_polls"] > 10 and moved["net_rx_packets"] > 100, moved


def each_transport(check, how, **kw):
    only_ours()
    for nic in (MODERN, PACKED, LEGACY):
        check(*step(how, nic, **kw))


def test_both_transports_serve():
    """The one test of these that another kernel has as well."""
    for nic in (MODERN, PACKED, LEGACY, TRANSITIONAL):
        step(None, nic)


def test_msix():
    each_transport(by_msix, r"MSI-X, 3 vectors via GICv2m, SPI 80-82$")


def test_no_msix():
    """pci=nomsix: the card has no plain MSI, so its line serves."""
    each_transport(by_line, r"INTx, GICv2 \d+ \(", append="pci=nomsix")


def test_no_message_interrupts():
    each_transport(by_line, r"INTx, GICv2 \d+ \(", append="pci=nomsi")


def test_no_interrupts():
    """pci=noirq: a timer polls a hundred times a second."""
    each_transport(by_timer, r"polling at 100 Hz", append="pci=noirq")


def test_masking_at_the_controller():
    """napi.mask_irq=1: the line is masked while polling as well, by messages and by wire."""
    each_transport(by_msix, "MSI-X", append="napi.mask_irq=1")
    by_line(*step("INTx", append="napi.mask_irq=1 pci=nomsi"))
    by_line(*step("INTx", PACKED, append="napi.mask_irq=1 pci=nomsi"))


def test_gicv3():
    """Messages become LPIs by the ITS; without one, and where they are forbidden, the card's line serves."""
    only_ours()
    for nic in (MODERN, PACKED, LEGACY):
        by_msix(*step(r"MSI-X, 3 vectors via ITS, LPI 8192-8194$", nic, gic="3"), domain="ITS-MSI")
        by_line(*step(r"INTx, GICv3 \d+ \(", nic, gic="3", machine="its=off"), domain="GICv3")
    by_msix(*step("MSI-X", gic="3", append="napi.mask_irq=1"), domain="ITS-MSI")
    by_line(*step(r"INTx, GICv3 \d+ \(", gic="3", append="pci=nomsi"), domain="GICv3")


def test_e1000e_msix():
    only_ours()
    names = ("eth0-rx-0", "eth0-tx-0", "eth0")
    by_messages(*step(r"MSI-X, 3 vectors via GICv2m, SPI 80-82$", **E1000E), names, "GICv2m-MSIX")
    by_messages(*step(r"MSI-X, 3 vectors via ITS, LPI 8192-8194$", gic="3", **E1000E), names, "ITS-MSI")


def test_e1000e_msi():
    """The step that virtio has not: one message from configuration space."""
    only_ours()
    by_messages(*step(r"MSI, 1 vector via GICv2m, SPI 80 \(MSI-X: pci=nomsix\)$", append="pci=nomsix", **E1000E),
                ["eth0"], "GICv2m-MSI")
    by_messages(*step(r"MSI, 1 vector via ITS, LPI 8192 \(", append="pci=nomsix", gic="3", **E1000E), ["eth0"], "ITS-MSI")


def test_e1000e_line_and_timer():
    only_ours()
    by_line(*step(r"INTx, GICv2 \d+ \(MSI-X: pci=nomsi; MSI: pci=nomsi\)$", append="pci=nomsi", **E1000E), name="eth0")
    by_timer(*step(r"polling at 100 Hz \(pci=noirq\)$", append="pci=noirq", **E1000E), name="eth0")


def test_e1000e_masking_at_the_controller():
    only_ours()
    for words in ("", " pci=nomsix"):
        by_messages(*step("MSI", append="napi.mask_irq=1" + words, **E1000E), ["eth0"], "GICv2m-MSIX?")


def test_e1000():
    """Both of the family: a wire, or the timer."""
    only_ours()
    for nic in ("e1000", "e1000-82545em"):
        card = {"nic": nic, "driver": "e1000"}
        by_line(*step(r"INTx, GICv2 \d+ \(MSI-X: no capability; MSI: no capability\)$", **card), name="eth0")
        by_timer(*step(r"polling at 100 Hz \(pci=noirq\)$", append="pci=noirq", **card), name="eth0")


def test_vmxnet3_messages():
    """Three vectors, or one."""
    only_ours()
    names = ("eth0-rx-0", "eth0-tx-0", "eth0-event-2")
    by_messages(*step(r"MSI-X, 3 vectors via GICv2m, SPI 80-82$", **VMXNET3), names, "GICv2m-MSIX")
    by_messages(*step(r"MSI-X, 3 vectors via ITS, LPI 8192-8194$", gic="3", **VMXNET3), names, "ITS-MSI")
    by_messages(*step(r"MSI, 1 vector via GICv2m, SPI 80 \(MSI-X: pci=nomsix\)$", append="pci=nomsix", **VMXNET3),
                ["eth0"], "GICv2m-MSI")
    for words, name in (("", "eth0-rx-0"), (" pci=nomsix", "eth0")):
        by_messages(*step("MSI", append="napi.mask_irq=1" + words, **VMXNET3), [name], "GICv2m-MSIX?")


def test_vmxnet3_line_and_timer():
    only_ours()
    by_line(*step(r"INTx, GICv2 \d+ \(MSI-X: pci=nomsi; MSI: pci=nomsi\)$", append="pci=nomsi", **VMXNET3), name="eth0")
    by_timer(*step(r"polling at 100 Hz \(pci=noirq\)$", append="pci=noirq", **VMXNET3), name="eth0")


def test_other_cards_serve():
    """The one test of the cards of Intel and VMware that another kernel has as well."""
    for nic in ("e1000e", "e1000", "vmxnet3"):
        step(None, nic)


def test_few_vectors():
    only_ours()
    by_line(*step(r"INTx", f"{MODERN},vectors=0"))
    by_msix(*step(r"MSI-X, 1 vector via", f"{MODERN},vectors=1"), names=("virtio0",))
    by_msix(*step(r"MSI-X, 2 vectors via", f"{MODERN},vectors=2"), names=("virtio0-config", "virtio0-virtqueues"))
    by_msix(*step(r"MSI-X, 2 vectors via", f"{LEGACY},vectors=2"), names=("virtio0-config", "virtio0-virtqueues"))
    by_msix(*step(r"MSI-X, 3 vectors via", f"{MODERN},vectors=10"))
    for vectors, names in ((1, ("virtio0",)), (2, ("virtio0-config", "virtio0-virtqueues"))):
        by_msix(*step("MSI-X", f"{PACKED},vectors={vectors}"), names=names)


def test_fewer_features():
    """Cards that offer less: no event index, no merged buffers, no checksums, no indirect descriptors, small and large rings."""
    for more in ("event_idx=off", "mrg_rxbuf=off", "csum=off,guest_csum=off", "indirect_desc=off", "status=off",
                 "rx_queue_size=256,tx_queue_size=256", "rx_queue_size=1024", "event_idx=off,mrg_rxbuf=off,indirect_desc=off,csum=off,"
                 "guest_csum=off,gso=off,host_tso4=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off,"
                 "ctrl_vq=off,ctrl_rx=off,ctrl_vlan=off,ctrl_rx_extra=off,ctrl_mac_addr=off,ctrl_guest_offloads=off,guest_announce=off"):
        step(None, f"{MODERN},{more}")
    step(None, f"{LEGACY},event_idx=off,mrg_rxbuf=off")
    for more in ("event_idx=off", "indirect_desc=off", "mrg_rxbuf=off,indirect_desc=off,event_idx=off",
                 "rx_queue_size=256,tx_queue_size=256"):
        step(None, f"{PACKED},{more}")


def test_other_places_on_the_bus():
    """Behind a bridge, behind two, and at another slot: the line interrupt is swizzled, BARs are behind windows."""
    port = ["-device", "pcie-root-port,id=rp0,chassis=1"]
    step(None, "virtio-net-pci,bus=rp0", buses=port)
    step(None, "virtio-net-pci,bus=b1,addr=3", buses=port + ["-device", "pcie-pci-bridge,id=b1,bus=rp0"])
    step(None, "virtio-net-pci,addr=7")


def test_lines_from_other_places():
    only_ours()
    port = ["-device", "pcie-root-port,id=rp0,chassis=1"]
    by_line(*step("INTx", "virtio-net-pci,bus=b1,addr=3", append="pci=nomsi", buses=port + ["-device", "pcie-pci-bridge,id=b1,bus=rp0"]))
    by_line(*step("INTx", "virtio-net-pci,addr=6", append="pci=nomsi"))


def test_two_cards():
    with Net() as net, Vm(ns=net, args=["-netdev", "hubport,id=n1,hubid=1", "-device", "virtio-net-pci,netdev=n1,romfile="]) as vm:
        net.nginx()
        vm.boot()
        assert vm.run("ls /sys/class/net").split() == ["eth0", "eth1", "lo"]
        assert vm.run("wget -q -O - http://10.77.0.1/1k | wc -c") == "1024\n"


def test_masks_and_large_frames():
    """An MTU of 9000 on both sides: frames larger than a page, merged from several buffers."""
    with Net(mtu=9000) as net, Vm(ns=net, nic="virtio-net-pci,host_mtu=9000") as vm:
        net.nginx()
        vm.boot()
        assert vm.run("cat /sys/class/net/eth0/mtu") == "9000\n"
        net.echo(5, 8900, [(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)])
        want = hashlib.sha256(open(f"{net.www}/10m", "rb").read()).hexdigest()
        assert vm.run("wget -q -O - http://10.77.0.1/10m | sha256sum", 300).split()[0] == want


main()
