/** The few calls of the C library that Node has no functions for: network interfaces in user space (TUN), and waiting for them. Linux only. */
import koffi from 'koffi'

const libc = koffi.load('libc.so.6')
const open = libc.func('int open(const char *path, int flags)')
const ioctl = libc.func('int ioctl(int fd, unsigned long request, _Inout_ uint8_t *argument)')
const ppoll = libc.func('int ppoll(void *descriptors, unsigned long count, void *timeout, void *signals)')

const O_RDWR = 2
const O_NONBLOCK = 0o4000
const TUNSETIFF = 0x400454ca
const IFF_TUN = 0x0001
/** Packets without the four bytes that would say which protocol they are. */
const IFF_NO_PI = 0x1000
const IFREQ_SIZE = 40
const IFREQ_FLAGS = 16
const POLLIN = 1
const POLLFD_SIZE = 8
const POLLFD_EVENTS = 4
const POLLFD_RETURNED = 6
const NANOSECONDS = 1_000_000

/** Up to `length` bytes of a descriptor into a buffer. @returns How many, negative when there are none. */
export const read = libc.func('long read(int fd, void *buffer, unsigned long length)')
/** @returns How many bytes it took, negative when it took none. */
export const write = libc.func('long write(int fd, void *buffer, unsigned long length)')

/** Makes a TUN interface: what the kernel sends there is read here, what is written here comes in there. @returns Its descriptor. */
export function openTun(name) {
  const fd = open('/dev/net/tun', O_RDWR | O_NONBLOCK)
  if (fd < 0) throw new Error('/dev/net/tun can not be opened: this kernel has no TUN interfaces, or this user may not make any')
  const request = Buffer.alloc(IFREQ_SIZE)
  request.write(name)
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI, IFREQ_FLAGS)
  if (ioctl(fd, TUNSETIFF, request) < 0) throw new Error(`the TUN interface ${name} can not be made: that takes root`)
  return fd
}

/** Waits until one of the descriptors can be read, or the time is over. */
export class Poll {
  constructor(fds) {
    this.count = fds.length
    this.entries = Buffer.alloc(fds.length * POLLFD_SIZE)
    this.timeout = Buffer.alloc(16)
    for (const [i, fd] of fds.entries()) {
      this.entries.writeInt32LE(fd, i * POLLFD_SIZE)
      this.entries.writeInt16LE(POLLIN, i * POLLFD_SIZE + POLLFD_EVENTS)
    }
  }

  wait(milliseconds) {
    const nanoseconds = Math.max(0, Math.floor(milliseconds * NANOSECONDS))
    this.timeout.writeBigInt64LE(BigInt(Math.floor(nanoseconds / 1e9)), 0)
    this.timeout.writeBigInt64LE(BigInt(nanoseconds % 1e9), 8)
    return ppoll(this.entries, this.count, this.timeout, null)
  }

  isReadable(i) {
    return (this.entries.readInt16LE(i * POLLFD_SIZE + POLLFD_RETURNED) & POLLIN) !== 0
  }
}
