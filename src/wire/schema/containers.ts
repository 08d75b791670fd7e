/**
 * Containers, images, volumes and networks of mesos.v1.
 */
import type { SchemaSource } from "../schema-parser.ts";

export const CONTAINERS: readonly SchemaSource[] = [
  {
    file: "containers",
    package: "mesos.v1",
    text: `
Image: 1! type Type, 2 appc Appc, 3 docker Docker, 4 cached bool=true
enum Image.Type: APPC=1, DOCKER=2
Image.Appc: 1! name string, 2 id string, 3 labels Labels
Image.Docker: 1! name string, 2 credential Credential (dep), 3 config Secret
MountPropagation: 1 mode Mode
enum MountPropagation.Mode: UNKNOWN=0, HOST_TO_CONTAINER=1, BIDIRECTIONAL=2
Volume: 3! mode Mode, 1! container_path string, 2 host_path string, 4 image Image, 5 source Source
enum Volume.Mode: RW=1, RO=2
Volume.Source: 1 type Type, 2 docker_volume DockerVolume, 5 host_path HostPath, 3 sandbox_path
  SandboxPath, 4 secret Secret, 6 csi_volume CSIVolume
enum Volume.Source.Type: UNKNOWN=0, DOCKER_VOLUME=1, HOST_PATH=4, SANDBOX_PATH=2, SECRET=3, CSI_VOLUME=5
Volume.Source.DockerVolume: 1 driver string, 2! name string, 3 driver_options Parameters
Volume.Source.HostPath: 1! path string, 2 mount_propagation MountPropagation
Volume.Source.SandboxPath: 1 type Type, 2! path string
enum Volume.Source.SandboxPath.Type: UNKNOWN=0, SELF=1, PARENT=2
Volume.Source.CSIVolume: 1! plugin_name string, 2 static_provisioning StaticProvisioning
Volume.Source.CSIVolume.VolumeCapability: 1^ block BlockVolume, 2^ mount MountVolume, 3! access_mode
  AccessMode
Volume.Source.CSIVolume.VolumeCapability.BlockVolume: (empty)
Volume.Source.CSIVolume.VolumeCapability.MountVolume: 1 fs_type string, 2* mount_flags string
Volume.Source.CSIVolume.VolumeCapability.AccessMode: 1! mode Mode
enum Volume.Source.CSIVolume.VolumeCapability.AccessMode.Mode: UNKNOWN=0, SINGLE_NODE_WRITER=1,
  SINGLE_NODE_READER_ONLY=2, MULTI_NODE_READER_ONLY=3, MULTI_NODE_SINGLE_WRITER=4,
  MULTI_NODE_MULTI_WRITER=5
Volume.Source.CSIVolume.StaticProvisioning: 1! volume_id string, 2! volume_capability VolumeCapability, 3
  node_stage_secrets map<string,Secret>, 4 node_publish_secrets map<string,Secret>, 5 volume_context
  map<string,string>
NetworkInfo: 5* ip_addresses IPAddress, 6 name string, 3* groups string, 4 labels Labels, 7* port_mappings
  PortMapping
enum NetworkInfo.Protocol: IPv4=1, IPv6=2
NetworkInfo.IPAddress: 1 protocol Protocol=IPv4, 2 ip_address string
NetworkInfo.PortMapping: 1! host_port uint32, 2! container_port uint32, 3 protocol string
CapabilityInfo: 1* capabilities Capability
enum CapabilityInfo.Capability: UNKNOWN=0, CHOWN=1000, DAC_OVERRIDE=1001, DAC_READ_SEARCH=1002,
  FOWNER=1003, FSETID=1004, KILL=1005, SETGID=1006, SETUID=1007, SETPCAP=1008, LINUX_IMMUTABLE=1009,
  NET_BIND_SERVICE=1010, NET_BROADCAST=1011, NET_ADMIN=1012, NET_RAW=1013, IPC_LOCK=1014, IPC_OWNER=1015,
  SYS_MODULE=1016, SYS_RAWIO=1017, SYS_CHROOT=1018, SYS_PTRACE=1019, SYS_PACCT=1020, SYS_ADMIN=1021,
  SYS_BOOT=1022, SYS_NICE=1023, SYS_RESOURCE=1024, SYS_TIME=1025, SYS_TTY_CONFIG=1026, MKNOD=1027,
  LEASE=1028, AUDIT_WRITE=1029, AUDIT_CONTROL=1030, SETFCAP=1031, MAC_OVERRIDE=1032, MAC_ADMIN=1033,
  SYSLOG=1034, WAKE_ALARM=1035, BLOCK_SUSPEND=1036, AUDIT_READ=1037, PERFMON=1038, BPF=1039,
  CHECKPOINT_RESTORE=1040
SeccompInfo: 1 profile_name string, 2 unconfined bool
LinuxInfo: 1 capability_info CapabilityInfo (dep), 2 bounding_capabilities CapabilityInfo, 3
  effective_capabilities CapabilityInfo, 4 share_pid_namespace bool, 5 seccomp SeccompInfo, 6 ipc_mode
  IpcMode, 7 shm_size uint32, 8 share_cgroups bool=true
enum LinuxInfo.IpcMode: UNKNOWN=0, PRIVATE=1, SHARE_PARENT=2
RLimitInfo: 1* rlimits RLimit
RLimitInfo.RLimit: 1 type Type, 2 hard uint64, 3 soft uint64
enum RLimitInfo.RLimit.Type: UNKNOWN=0, RLMT_AS=1, RLMT_CORE=2, RLMT_CPU=3, RLMT_DATA=4, RLMT_FSIZE=5,
  RLMT_LOCKS=6, RLMT_MEMLOCK=7, RLMT_MSGQUEUE=8, RLMT_NICE=9, RLMT_NOFILE=10, RLMT_NPROC=11, RLMT_RSS=12,
  RLMT_RTPRIO=13, RLMT_RTTIME=14, RLMT_SIGPENDING=15, RLMT_STACK=16
TTYInfo: 1 window_size WindowSize
TTYInfo.WindowSize: 1! rows uint32, 2! columns uint32
ContainerInfo: 1! type Type, 2* volumes Volume, 4 hostname string, 3 docker DockerInfo, 5 mesos MesosInfo,
  7* network_infos NetworkInfo, 8 linux_info LinuxInfo, 9 rlimit_info RLimitInfo, 10 tty_info TTYInfo
enum ContainerInfo.Type: DOCKER=1, MESOS=2
ContainerInfo.DockerInfo: 1! image string, 2 network Network=HOST, 3* port_mappings PortMapping, 4
  privileged bool=false, 5* parameters Parameter, 6 force_pull_image bool, 7 volume_driver string (dep)
enum ContainerInfo.DockerInfo.Network: HOST=1, BRIDGE=2, NONE=3, USER=4
ContainerInfo.DockerInfo.PortMapping: 1! host_port uint32, 2! container_port uint32, 3 protocol string
ContainerInfo.MesosInfo: 1 image Image
ContainerStatus: 4 container_id ContainerID, 1* network_infos NetworkInfo, 2 cgroup_info CgroupInfo, 3
  executor_pid uint32
CgroupInfo: 1 net_cls NetCls
CgroupInfo.Blkio: (empty)
enum CgroupInfo.Blkio.Operation: UNKNOWN=0, TOTAL=1, READ=2, WRITE=3, SYNC=4, ASYNC=5, DISCARD=6
CgroupInfo.Blkio.Value: 1 op Operation, 2 value uint64
CgroupInfo.Blkio.CFQ: (empty)
CgroupInfo.Blkio.CFQ.Statistics: 1 device Device.Number, 2 sectors uint64, 3 time uint64, 4* io_serviced
  Value, 5* io_service_bytes Value, 6* io_service_time Value, 7* io_wait_time Value, 8* io_merged Value,
  9* io_queued Value
CgroupInfo.Blkio.Throttling: (empty)
CgroupInfo.Blkio.Throttling.Statistics: 1 device Device.Number, 2* io_serviced Value, 3* io_service_bytes
  Value
CgroupInfo.Blkio.Statistics: 1* cfq CFQ.Statistics, 2* cfq_recursive CFQ.Statistics, 3* throttling
  Throttling.Statistics
CgroupInfo.NetCls: 1 classid uint32
`,
  },
];
