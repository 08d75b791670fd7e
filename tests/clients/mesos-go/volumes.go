package main

import (
	"sync"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/resources"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
)

const (
	volumeID   = "data"
	volumePath = "data"
	volumeDisk = 32
)

// keeper holds what shall be done with the one reservation and the one volume
// of the framework: tasks that want it, and whether it shall be given up.
type keeper struct {
	lock     sync.Mutex
	waiting  []task
	giveUpOf string
}

// store lets tasks wait that write into the volume. The first one's ACCEPT
// reserves and creates too.
func (k *keeper) store(tasks ...task) {
	k.lock.Lock()
	defer k.lock.Unlock()
	k.waiting = append(k.waiting, tasks...)
}

// giveUp lets the volume be destroyed and the reservation end with the next
// offer that holds them.
func (k *keeper) giveUp(role string) {
	k.lock.Lock()
	defer k.lock.Unlock()
	k.giveUpOf = role
}

// operations are those of one ACCEPT; none when the offer is of no use.
func (k *keeper) operations(offer *mesos.Offer) calls.OfferOperations {
	role := offer.GetAllocationInfo().GetRole()
	k.lock.Lock()
	defer k.lock.Unlock()
	held, volume := heldBy(offer)
	if volume != nil && k.giveUpOf == role {
		k.giveUpOf = ""
		bare := *volume
		bare.Disk = nil
		return calls.OfferOperations{calls.OpDestroy(*volume), calls.OpUnreserve(append(held, bare)...)}
	}
	for i, one := range k.waiting {
		if one.role != role {
			continue
		}
		k.waiting = append(k.waiting[:i:i], k.waiting[i+1:]...)
		if volume != nil {
			return calls.OfferOperations{calls.OpLaunch(storing(one, offer.AgentID, append(held, *volume)))}
		}
		wanted := k.wanted(role)
		created := wanted[len(wanted)-1]
		created.Disk = diskInfo()
		used := append(wanted[:len(wanted)-1:len(wanted)-1], created)
		return calls.OfferOperations{
			calls.OpReserve(wanted...),
			calls.OpCreate(created),
			calls.OpLaunch(storing(one, offer.AgentID, used)),
		}
	}
	return nil
}

// wanted is what the role reserves; the disk is the last.
func (k *keeper) wanted(role string) []mesos.Resource {
	all := []mesos.Resource{
		resources.NewCPUs(cpusPerTask).Resource,
		resources.NewMemory(memoryPerTask).Resource,
		resources.NewDisk(volumeDisk).Resource,
	}
	dynamic := mesos.Resource_ReservationInfo_DYNAMIC
	for i := range all {
		all[i].AllocationInfo = &mesos.Resource_AllocationInfo{Role: &role}
		all[i].Reservations = []mesos.Resource_ReservationInfo{{Type: &dynamic, Role: &role}}
	}
	return all
}

func diskInfo() *mesos.Resource_DiskInfo {
	mode := mesos.RW
	return &mesos.Resource_DiskInfo{
		Persistence: &mesos.Resource_DiskInfo_Persistence{ID: volumeID},
		Volume:      &mesos.Volume{ContainerPath: volumePath, Mode: &mode},
	}
}

// heldBy finds what the offer has reserved: the volume apart from the rest.
func heldBy(offer *mesos.Offer) (rest []mesos.Resource, volume *mesos.Resource) {
	for i := range offer.Resources {
		one := offer.Resources[i]
		switch {
		case len(one.GetReservations()) == 0:
		case one.GetDisk().GetPersistence() != nil:
			volume = &one
		default:
			rest = append(rest, one)
		}
	}
	return rest, volume
}

func storing(t task, agent mesos.AgentID, used []mesos.Resource) mesos.TaskInfo {
	info := taskInfo(t, agent)
	info.Resources = used
	return info
}
