export { AltostratusError } from '../base/errors.ts'
export type { ErrorOptions } from '../base/errors.ts'
export type { Random } from '../base/random.ts'
export type { Certificate } from '../crypto/certificate.ts'
export type { Identity } from '../crypto/identity.ts'
export type { Clock, Timer } from '../link/clock.ts'
export type { Condition, Profile, Properties, RelayUse, RoomListing, Where } from '../introducer/protocol.ts'
export { Channel } from '../room/channel.ts'
export type { ChannelStats, Receivers } from '../room/channel.ts'
export { connect } from '../room/connect.ts'
export type { ConnectOptions } from '../room/connect.ts'
export { channel, game, rpc } from '../room/definition.ts'
export type {
  ChannelDefinition,
  ChannelOptions,
  Channels,
  DeliveryMode,
  Game,
  GameOptions,
  Priority,
  RpcDefinition,
  Rpcs,
} from '../room/definition.ts'
export type { ClosedReason } from '../room/core.ts'
export type { TopologyRule } from '../room/membership.ts'
export { Network } from '../room/network.ts'
export type { CreateOptions, JoinOptions, Near, NetworkStats, PortMappingState, QuickMatchOptions, RoomsOptions } from '../room/network.ts'
export { Peer } from '../room/peer.ts'
export type { ChannelTraffic, PeerPath, PeerStats } from '../room/peer.ts'
export type { SessionStats } from '../rtmfp/session.ts'
export { Room } from '../room/room.ts'
export type {
  HostChange,
  HostChangeCause,
  Lane,
  LeaveReason,
  PartApi,
  Parts,
  RoomAttachment,
  RoomExtension,
  RoomPart,
  RoomPort,
} from '../room/extension.ts'
export type { HostTask, RoomChannels, RoomEntities, RoomEvents } from '../room/room.ts'
export type { AnswerOf, CallOptions, RequestOf, RoomRpcs, Rpc } from '../room/rpc.ts'
export type { Field, Fields, Infer, Message, OptionalNames, Shape } from '../schema/field.ts'
export type { Quaternion } from '../schema/numbers.ts'
export { t } from '../schema/t.ts'
export type { Vector2, Vector3 } from '../schema/t.ts'
export { entities, shared } from '../sync/definition.ts'
export type { EntityBase, EntityDefinition, EntityOf, EntityOptions, Initial, Shared, SharedDefinition } from '../sync/definition.ts'
export { EntityKind } from '../sync/entity-kind.ts'
export type { EntityEvents } from '../sync/entity-kind.ts'
export type { RemoveReason } from '../sync/core/world.ts'
export { InputQueue, Prediction } from '../sync/prediction.ts'
export type { NextInput, PredictionOptions, StampedInput } from '../sync/prediction.ts'
